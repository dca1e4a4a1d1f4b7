"""Low-rank adapters that begin as the principal parts of the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.adapters.peft_folder import KeptAdapter
from graft.backbones.backbone import Model
from graft.base.ranges import Positive
from graft.tasks.task import Task
from graft.techniques.adapters.low_rank import LowRank
from graft.techniques.adapters.peft_technique import MergingObjective, find_adapted
from graft.techniques.adapters.principal import Starts, as_plain_lora, split_off
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Pissa(LowRank):
    """LoRA that begins with the largest singular values of each weight and freezes the rest.

    The layers are every linear one and every ungrouped convolution. An adapter that is kept is a
    plain LoRA of twice the rank, which fits the network as it was.

    Formula: W' = R + (alpha / r) B A; at the start (alpha / r) B A = U_r S_r V_r, the first r
    singular values and vectors of W, and R = W - U_r S_r V_r, which stays. A, B and the head train.
    Merged at the end.
    Source: Meng et al.: PiSSA, arXiv:2404.02948; layers by the PEFT library.
    When: few steps: it moves faster than LoRA, whose B begins at zero.
    When not: a network that must keep what it knew: what changes are its most important parts.
    Example: graft fit reviews.csv -t pissa:r=4
    """

    rate: ClassVar[float] = 3.0

    alpha: Positive = 8
    """The scale of the update, alpha / r, by which A and B are the smaller."""

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        self.check(model.backbone, task)
        self.inject(model)
        return PissaObjective(model, task, self)


class PissaObjective(MergingObjective):
    """The task's loss; the adapters begin as the principal parts of the weights."""

    references = ("starts",)

    def __init__(self, model: Model, task: Task, technique: Pissa):
        super().__init__(model, task, technique)
        adapted = find_adapted(model.network)
        for module in adapted.values():
            split_off(module)
        self.starts = Starts(adapted if technique.keeps_adapter else {})

    def kept(self) -> KeptAdapter:
        """Return the change of the weights as a plain LoRA, since W is not there without R."""
        return as_plain_lora(super().kept(), self.starts)
