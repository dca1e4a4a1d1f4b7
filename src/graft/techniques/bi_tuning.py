"""Contrast the examples of a class with the others, for the classifier and among themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Moderate, NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.bi_tuning import (
    category_contrast,
    classifier_contrast,
)
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective, Phase

PROJECTED = 128
"""The width of the projection, that of the paper."""


@dataclass(frozen=True)
class BiTuning(RegularizedFineTuning):
    """Full fine-tuning in which the examples of a class are also contrasted with the others.

    Or, after a `+`, both contrasts alone.
    Formula: L(task) + weight (L_c + L_z), means over n of -1 / |P_n| sum over p in P_n of log
    exp(s_np / t) / sum over m of exp(s_nm / t), P_n the examples of the class y of n. In L_c s_nm
    is the cosine of the features of m and the head's weights of y; in L_z that of projections of n
    and m, m != n. The projection is linear, and is dropped.
    Source: Zhong et al.: Bi-tuning of Pre-trained Representations, arXiv:2011.06182. There, the
    others are 40 remembered examples of each class, by a slow copy of the network. Here they are
    those of the batch, and in pieces of a batch those of the piece.
    When: networks that were pretrained by contrasts; classes that are hard to tell apart.
    When not: more classes than a batch has examples; several labels an example.
    Example: graft fit photos -t bi-tuning:batch_size=64
    """

    reads_vectors: ClassVar[bool] = True

    weight: NotNegative = 1.0
    """The weight of both contrasts; 0 is plain fine-tuning."""
    temperature: Moderate = 0.07
    """By what the cosines are divided: a lower one looks at the nearest others."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("bi-tuning", task)
        if backbone.linear is None:
            raise BadValue(
                f"'bi-tuning' compares features with the weights of a linear head, and "
                f"{backbone.name} has none. Use another head or backbone, or 'label-smoothing'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return BiTuningObjective(model, task, self.weight, self.temperature)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [replace(phase, mixed=True) for phase in super().phases(model, epochs)]


class BiTuningObjective(Objective):
    """The task's loss and both contrasts between the examples of a batch."""

    def __init__(self, model: Model, task: Task, weight: float, temperature: float):
        super().__init__(model, task)
        self.weight, self.temperature = weight, temperature
        self.projector = nn.Linear(model.backbone.linear.in_features, PROJECTED)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.weight:
            return {}
        features, labels = outputs[LABELED].features, batches[LABELED].target
        head = self.model.backbone.linear
        by_class = classifier_contrast(features, head.weight, head.bias, labels, self.temperature)
        projected = self.projector(features.to(self.projector.weight.dtype))
        return {
            "classifier_contrast": self.weight * by_class,
            "category_contrast": self.weight
            * category_contrast(projected, labels, self.temperature),
        }

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        count = len(batches[LABELED])
        contrasts = dict.fromkeys(("classifier_contrast", "category_contrast"), count)
        return {**super().loss_weights(batches), **contrasts}
