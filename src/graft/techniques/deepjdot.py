"""Adapt to unlabeled samples of another domain: labels travel to them by optimal transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.deepjdot import joint_cost
from graft.techniques.formulas.optimal_transport import exact_plan
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Deepjdot(Adaptation):
    """Full fine-tuning with the cost of moving labeled samples, with their labels, to unlabeled.

    Or, after a `+`, this loss alone, as in `feature-extraction + deepjdot`, which takes seconds on
    recorded features.
    Formula: L(task) + weight sum_ij P_ij C_ij, C_ij = feature_weight |f_i - f_j|^2 - label_weight
    log p_j[y_i] between labeled i and unlabeled j, P the plan of least cost in the batch.
    Source: Damodaran et al.: DeepJDOT, arXiv:1803.10081.
    When: the classes are about equally frequent in both domains.
    When not: classes that are more frequent in one of the domains: the plan moves all labels, also
    to samples of other classes.
    Example: graft fit photos --unlabeled drawings -t deepjdot
    """

    reads_features: ClassVar[bool] = True

    feature_weight: NotNegative = 0.001
    """The weight of the squared distance of features in the cost."""
    label_weight: NotNegative = 1.0
    """The weight of the loss of the moved label in the cost."""

    def objective(self, model: Model, task: Task) -> Objective:
        return DeepjdotObjective(model, task, self)


class DeepjdotObjective(AdaptationObjective):
    """The task's loss and the cost of the best plan in the batch."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        source, target = outputs[LABELED], outputs[UNLABELED]
        weights = self.settings.feature_weight, self.settings.label_weight
        labels = batches[LABELED].target
        cost = joint_cost(source.features, target.features, labels, target.logits, *weights)
        plan = exact_plan(cost)
        return {"transport": self.settings.weight * (plan * cost).sum()}
