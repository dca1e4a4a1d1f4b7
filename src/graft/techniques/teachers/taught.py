"""Full fine-tuning beside a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.tasks.task import Task
from graft.techniques.specs.places import everything
from graft.techniques.teachers.teacher import check_teacher, spec_of
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class Taught(Technique):
    """Fine-tune everything in one phase; techniques say what is learned from the teacher."""

    mixed: ClassVar[bool] = False
    """Whether its loss is between the examples of a batch: see `Phase.mixed`."""

    teacher: str = "self"
    """The folder of a run, or a backbone; `self` is the network as it was when this training began.
    A path with `+`, `,` or ` then ` stands in double quotes."""

    @property
    def models(self) -> tuple[str, ...]:
        return spec_of(self.teacher)

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for a teacher that there is not, or that reads something else."""
        super().check(backbone, task)
        check_teacher(plugins.name_of(type(self)), self.teacher, backbone, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, epochs=epochs)
        return [Phase("distillation", epochs, everything, **rates, mixed=self.mixed)]
