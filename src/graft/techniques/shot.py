"""Adapt a trained network to another domain without its source: the head stays, features move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.passes import join_by_row
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.shot import centroid_labels, information_loss
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.places import all_but_head
from graft.techniques.specs.stream import UNLABELED, Stream
from graft.techniques.technique import HowOften, Look, Objective, Phase, Technique


@dataclass(frozen=True)
class Shot(Technique):
    """Train all but the head on unlabeled samples, towards confident, diverse predictions.

    Formula: mean H(p) - H(mean p) + weight L(y), p the predictions for unlabeled samples, H the
    entropy, y labels by the nearest class centroid of the features, found anew before each epoch.
    Source: Liang et al.: Do We Really Need to Access the Source Data? (SHOT), arXiv:2002.08546.
    When: after a technique that has trained the network, where the source may not be kept.
    When not: rare classes, which it makes too frequent; a network that is mostly wrong on the new
    domain.
    Example: graft fit photos --unlabeled drawings -t "full-fine-tuning then shot"
    """

    transfer: ClassVar[str] = "transductive"
    controls: ClassVar[tuple[str, ...]] = ("source-only",)
    controls_of_head: ClassVar[tuple[str, ...]] = ("source-only:trains=head",)
    can_be_added: ClassVar[bool] = False

    weight: NotNegative = 0.3
    """The weight of the labels by centroids."""

    def streams(self) -> dict[str, Stream]:
        return {UNLABELED: Stream(("unlabeled",), labels=False)}

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("shot", task)
        if backbone.form != "vector":
            raise BadValue(
                f"'shot' compares vectors of features, and {backbone.name} yields "
                f"{backbone.form} features. Use another backbone, or 'self-training'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return ShotObjective(model, task, self.weight)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, epochs=epochs)
        return [Phase("adaptation", epochs, all_but_head, **rates)]


class ShotObjective(Objective):
    """The information of the predictions, and labels by centroids."""

    looks: ClassVar[dict[str, HowOften]] = {UNLABELED: "each epoch"}

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight
        self.register_buffer("labels", torch.zeros(0, dtype=torch.long))

    def before_epoch(self, look: Look) -> None:
        features, logits = join_by_row(
            look(UNLABELED),
            lambda _, output: output.features.float(),
            lambda _, output: output.logits.float(),
        )
        self.labels = centroid_labels(features, logits)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        logits = outputs[UNLABELED].logits.float()
        losses = {"information": information_loss(logits)}
        if len(self.labels):  # a recording or an estimate is tried before the first epoch
            labels = self.labels[batches[UNLABELED].rows]
            losses["centroids"] = self.weight * nn.functional.cross_entropy(logits, labels)
        return losses

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        count = len(batches[UNLABELED])
        return {"information": count, "centroids": count}
