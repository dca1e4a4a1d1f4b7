"""Low-rank adapters of the direction of weights, beside their magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from graft.backbones.backbone import Model
from graft.tasks.task import Task
from graft.techniques.adapters.low_rank import LowRank
from graft.techniques.adapters.peft_technique import MergingObjective, find_adapted
from graft.techniques.technique import Objective, Phase


@dataclass(frozen=True)
class Dora(LowRank):
    """LoRA on the direction of each weight vector; its length trains by itself.

    The layers are every linear one and every ungrouped convolution.

    Formula: W' = m V / |V|, V = W + (alpha / r) B A, B = 0 and m = |W| at the start, one length for
    each output; the gradient takes |V| as a constant. A, B, m and the head train. Merged into W at
    the end.
    Source: Liu et al.: DoRA, arXiv:2402.09353; layers by the PEFT library.
    When: LoRA at a low rank stays behind full fine-tuning.
    When not: little time: each step computes the lengths of all weights, so that it takes up to
    twice as long as one of LoRA.
    Example: graft fit reviews.csv -t dora:r=4
    """

    variant: ClassVar[dict[str, Any]] = {"use_dora": True}

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        self.check(model.backbone, task)
        self.inject(model)
        return DoraObjective(model, task, self)


class DoraObjective(MergingObjective):
    """The task's loss over layers of which direction and length train."""

    def begin(self, phase: Phase) -> None:
        # PEFT views A as a matrix, which it cannot in the memory order of convolutions.
        for module in find_adapted(self.model.network).values():
            for layer in module.lora_A.values():
                layer.weight.data = layer.weight.data.contiguous()
