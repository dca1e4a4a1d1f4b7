"""Two forwards with other dropout should predict the same."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.r_drop import symmetric_divergence
from graft.techniques.regularized.dropout import has_dropout
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class RDrop(RegularizedFineTuning):
    """Full fine-tuning in which two forwards with other dropout learn to predict the same.

    Or, after a `+`, the loss of the second forward and of the difference, as in `lora + r-drop`.
    Formula: L1(task) + L2(task) + weight / 2 (KL(p1 || p2) + KL(p2 || p1)), means over examples, 1
    and 2 two forwards of a batch with dropout drawn anew.
    Source: Liang et al.: R-Drop: Regularized Dropout for Neural Networks, arXiv:2106.14448, with
    weights from 0.1 to 1 for the understanding of language.
    When: transformers with dropout, above all on few texts.
    When not: networks without dropout; little time: it takes two forwards a step; a head that is
    solved for, which has no dropout.
    Example: graft fit reviews.csv -t r-drop:weight=0.5
    """

    weight: NotNegative = 1.0
    """The weight of the difference between both predictions; 0 learns from two forwards."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("r-drop", task)
        if not has_dropout(backbone.network):
            raise BadValue(
                f"'r-drop' compares two forwards with other dropout, and {backbone.name} has no "
                "dropout, so both would be the same. Use 'label-smoothing' or 'mixup'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return RDropObjective(model, task, self.weight)


class RDropObjective(Objective):
    """The task's loss of two forwards, and how far their predictions differ."""

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        batch, first = batches[LABELED], outputs[LABELED]
        second = self.model(batch)
        difference = symmetric_divergence(first.logits, second.logits)
        return {"second": self.task.loss(second, batch), "difference": self.weight * difference}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        weights = super().loss_weights(batches)
        return {**weights, "second": weights["task"], "difference": len(batches[LABELED])}
