"""A toy technique: one file is all it takes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base import trees
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.specs.places import everything
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective, Phase, Technique


@dataclass(frozen=True)
class ToyConfidencePenalty(Technique):
    """Full fine-tuning that pays for being sure.

    Formula: L(task) - weight * H(p), H the entropy of the predicted distribution.
    Source: Pereyra et al., arXiv:1701.06548.
    When: in a test of Graft.
    When not: elsewhere.
    """

    weight: float = 0.01

    def objective(self, model: Model, task: Task) -> Objective:
        return PenaltyObjective(model, task, self.weight)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("fine-tuning", epochs, everything, **self.rates(model))]


class PenaltyObjective(Objective):
    """The task's loss and the negative entropy."""

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        entropies = []
        for name, logits in trees.named_leaves(outputs[LABELED].raw, "logits").items():
            if name.endswith("logits"):
                logs = logits.float().log_softmax(-1)
                entropies.append(-(logs.exp() * logs).sum(-1).mean())
        # A detector may return nothing but losses in a step.
        return {"penalty": -self.weight * sum(entropies)} if entropies else {}
