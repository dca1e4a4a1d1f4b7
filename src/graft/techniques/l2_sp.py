"""Stay near the pretrained weights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.start import StartObjective
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class L2Sp(RegularizedFineTuning):
    """Full fine-tuning with a penalty on the distance from the pretrained weights.

    Or, after a `+`, the penalty alone.
    Formula: L(task) + weight / 2 * ||w - w0||^2 over the backbone's weights, w0 the pretrained
    ones.
    Source: Li, Grandvalet, Davoine: Explicit Inductive Bias for Transfer Learning, arXiv:1802.01483
    (L2-SP).
    When: few labels and data like the pretraining data, where plain fine-tuning overfits or
    forgets.
    When not: data far from the pretraining data: the starting point is no longer a good place to
    stay near.
    Example: graft fit photos -t l2-sp:weight=0.1
    """

    weight: NotNegative = 0.01
    """The weight of the penalty; 0 is plain fine-tuning."""
    weight_decay: NotNegative = 0.0

    def objective(self, model: Model, task: Task) -> Objective:
        return L2SpObjective(model, task, self.weight)


class L2SpObjective(StartObjective):
    """The task's loss and the squared distance from the weights as they were when it was made."""

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        pairs = ((now, start) for _, now, start in self.pairs() if now.requires_grad)
        squares = [(now - start).square().sum() for now, start in pairs]
        return {"distance": self.weight / 2 * sum(squares)} if squares else {}
