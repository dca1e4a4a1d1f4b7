"""Learn from the probabilities of a teacher."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import Moderate, NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.distillation import distillation
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.stream import LABELED
from graft.techniques.teachers.objective import TaughtObjective
from graft.techniques.teachers.taught import Taught
from graft.techniques.teachers.teacher import check_classes_of, class_order
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Distillation(Taught):
    """Full fine-tuning that also learns the probabilities that a teacher gives the classes.

    Or, after a `+`, this loss beside any other training: `lora + distillation:teacher=runs/large`.
    Formula: L(task) + weight T^2 KL(softmax(z_t / T) || softmax(z / T)), z the logits, z_t those of
    the teacher, T the temperature; of several labels, the sum over labels of the same of yes and
    no. The teacher's features are computed once if the versions of an example come back, as
    with `views`.
    Source: Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, arXiv:1503.02531;
    teacher=self: Furlanello et al.: Born-Again Neural Networks, arXiv:1805.04770.
    When: a large network that is better, and a small one that has to be quick.
    When not: a teacher that is no better than the student; a teacher that learned with test
    examples of these data, which the student would then know. With teacher=self, a new head that
    nothing has trained.
    Example: graft fit photos -t "lp-ft then distillation:teacher=self"
    """

    teacher: str = "self"
    """The folder of a run; `self` is the network as it was when this training began. A path with
    `+`, `,` or ` then ` stands in double quotes."""
    temperature: Moderate = 4.0
    """What logits are divided by: high ones show how the teacher ranks the wrong classes."""
    weight: NotNegative = 1.0
    """The weight of the teacher beside the labels."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("distillation", task)
        check_classes_of("distillation", self.teacher, task)

    def objective(self, model: Model, task: Task) -> Objective:
        return DistillationObjective(model, task, self)


class DistillationObjective(TaughtObjective):
    """The task's loss and the divergence from the teacher's probabilities."""

    def __init__(self, model: Model, task: Task, settings: Distillation):
        super().__init__(model, task, settings.teacher)
        self.settings = settings
        self.order = class_order(settings.teacher, task)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        theirs = self.teach(batches[LABELED]).logits[:, self.order]
        ours, independent = outputs[LABELED].logits, self.task.multi_label
        loss = distillation(ours, theirs, self.settings.temperature, independent)
        return {"teacher": self.settings.weight * loss}
