"""Adapt to unlabeled samples of another domain: no two classes should share a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import NotNegative, Positive
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.mcc import class_confusion
from graft.techniques.specs.stream import BESIDE_UNLABELED, UNLABELED, Stream
from graft.techniques.technique import Objective, Phase, Technique, check_one_class, everything


@dataclass(frozen=True)
class Mcc(Technique):
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

    controls: ClassVar[tuple[str, ...]] = ("source-only",)

    weight: NotNegative = 1.0
    """The weight of the penalty; 0 is plain fine-tuning."""
    temperature: Positive = 2.5
    """By what the logits are divided, so that confident predictions have more than one class."""

    def streams(self) -> dict[str, Stream]:
        return BESIDE_UNLABELED

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("mcc", task)

    def objective(self, model: Model, task: Task) -> Objective:
        return MccObjective(model, task, self.weight, self.temperature)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("adaptation", epochs, everything, **self.rates(model, epochs=epochs))]


class MccObjective(Objective):
    """The task's loss and the confusion of classes in the unlabeled samples."""

    def __init__(self, model: Model, task: Task, weight: float, temperature: float):
        super().__init__(model, task)
        self.weight, self.temperature = weight, temperature

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        confusion = class_confusion(outputs[UNLABELED].logits, self.temperature)
        return {"confusion": self.weight * confusion}
