"""Adapt to unlabeled samples of another domain: no two classes should share a prediction."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Moderate
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.mcc import class_confusion
from graft.techniques.specs.stream import UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Mcc(Adaptation):
    """Full fine-tuning with a penalty on classes that are confused in the new domain.

    Or, after a `+`, the penalty alone, as in `feature-extraction + mcc`, which takes seconds on
    recorded features.
    Formula: L(task) + weight / K times the sum of the K x K confusions of two different classes: C
    = Y' diag(w) Y with rows of sum 1, Y = softmax(logits / temperature) of a batch of unlabeled
    samples, w larger for confident ones. The domains themselves are not compared.
    Source: Jin et al.: Minimum Class Confusion for Versatile Domain Adaptation, arXiv:1912.03699.
    When: labels in one domain, samples without labels of another one; the first to try, as it is
    seldom worse than no adaptation (SKADA-Bench, arXiv:2407.11676).
    When not: a network that is mostly wrong on the new domain, which becomes sure of its errors.
    Example: graft fit photos --unlabeled drawings -t mcc
    """

    temperature: Moderate = 2.5
    """By what the logits are divided, so that confident predictions have more than one class."""

    def objective(self, model: Model, task: Task) -> Objective:
        return MccObjective(model, task, self)


class MccObjective(AdaptationObjective):
    """The task's loss and the confusion of classes in the unlabeled samples."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        confusion = class_confusion(outputs[UNLABELED].logits, self.settings.temperature)
        return {"confusion": self.settings.weight * confusion}
