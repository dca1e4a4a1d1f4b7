"""Learn the features of a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.distillation import feature_distillation
from graft.techniques.specs.stream import LABELED
from graft.techniques.teachers.objective import TaughtObjective, width_of
from graft.techniques.teachers.taught import Taught
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class FeatureDistillation(Taught):
    """Full fine-tuning in which a linear layer learns to predict a teacher's features.

    Or, after a `+`, this loss beside any other training.
    Formula: L(task) + weight mean of (P f - n(f_t))^2, f the features, f_t those of the teacher,
    n standardizes each example over its dimensions, P a linear layer that is learned and dropped
    afterwards. The teacher's features are computed once if the versions of an example come back, as
    with `views`.
    Source: Romero et al.: FitNets, arXiv:1412.6550, at the features that enter the head; n as in
    Wei et al., arXiv:2205.14141.
    When: a teacher of other classes or without a trained head, as a large pretrained backbone;
    teacher=self keeps what the network knew.
    When not: a head alone that trains, which cannot change features.
    Example: graft fit photos -b mobilenet-v2 -t feature-distillation:teacher=efficientnet-lite0
    """

    reads_vectors: ClassVar[bool] = True

    weight: NotNegative = 1.0
    """The weight of the teacher beside the labels."""

    def objective(self, model: Model, task: Task) -> Objective:
        return FeatureDistillationObjective(model, task, self)


class FeatureDistillationObjective(TaughtObjective):
    """The task's loss and the distance of projected features from the teacher's."""

    def __init__(self, model: Model, task: Task, settings: FeatureDistillation):
        super().__init__(model, task, settings.teacher)
        self.weight = settings.weight
        self.projection = nn.Linear(width_of(model), width_of(self.teacher))

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        features = outputs[LABELED].features
        if not features.requires_grad:  # the head alone trains
            return {}
        theirs = self.teach(batches[LABELED]).features
        return {"features": self.weight * feature_distillation(self.projection(features), theirs)}
