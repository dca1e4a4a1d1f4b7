"""Learn from a teacher which examples are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.relational_distillation import angle_loss, distance_loss
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.stream import LABELED
from graft.techniques.teachers.objective import TaughtObjective
from graft.techniques.teachers.taught import Taught
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class RelationalDistillation(Taught):
    """Full fine-tuning that keeps the distances and angles which a teacher sees between examples.

    Or, after a `+`, this loss beside any other training.
    Formula: L(task) + distance mean over i < j of huber(d_ij - d'_ij) + angle mean over i, j, k of
    huber(a_ijk - a'_ijk), d the distances between features in a batch over their mean, a the
    cosines of the angles at j, d' and a' those of the teacher. The teacher's features are computed
    once if the versions of an example come back, as with `views`.
    Source: Park et al.: Relational Knowledge Distillation, arXiv:1904.05068, whose weights are 25
    and 50.
    When: as feature-distillation, where the features of teacher and network have little in common
    but what they find alike.
    When not: tasks without classes; small batches, or batches cut into pieces by `accumulate`:
    relations are within a piece; a head alone that trains.
    Example: graft fit photos -b mobilenet-v2 -t relational-distillation:teacher=efficientnet-lite0
    """

    mixed: ClassVar[bool] = True
    reads_vectors: ClassVar[bool] = True

    distance: NotNegative = 25.0
    """The weight of the distances."""
    angle: NotNegative = 50.0
    """The weight of the angles."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("relational-distillation", task)

    def objective(self, model: Model, task: Task) -> Objective:
        return RelationalDistillationObjective(model, task, self)


class RelationalDistillationObjective(TaughtObjective):
    """The task's loss and how relations differ from those that the teacher sees."""

    def __init__(self, model: Model, task: Task, settings: RelationalDistillation):
        super().__init__(model, task, settings.teacher)
        self.settings = settings

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        features = outputs[LABELED].features
        if not features.requires_grad or len(features) < 3:  # the head alone, or no triplet
            return {}
        theirs = self.teach(batches[LABELED]).features
        distances = self.settings.distance * distance_loss(features, theirs)
        angles = self.settings.angle * angle_loss(features, theirs)
        return {"relations": distances + angles}
