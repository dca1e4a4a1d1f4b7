"""Full fine-tuning beside a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_vectors
from graft.techniques.specs.places import everything
from graft.techniques.teachers.teacher import check_teacher, instead, spec_of
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class Taught(Technique):
    """Fine-tune everything in one phase; techniques say what is learned from the teacher."""

    mixed: ClassVar[bool] = False
    """Whether its loss is between the examples of a batch: see `Phase.mixed`."""
    reads_vectors: ClassVar[bool] = False
    """Whether its loss is of one vector of features for each example, of both networks."""

    teacher: str = "self"
    """The folder of a run, or a backbone; `self` is the network as it was when this training began.
    A path with `+`, `,` or ` then ` stands in double quotes."""

    @property
    def models(self) -> tuple[str, ...]:
        return spec_of(self.teacher)

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for a teacher that there is not, or that reads something else."""
        super().check(backbone, task)
        name = plugins.name_of(type(self))
        if self.reads_vectors:
            check_vectors(name, backbone, instead(task))
        check_teacher(name, self.teacher, backbone, task, self.reads_vectors)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, epochs=epochs)
        return [Phase("distillation", epochs, everything, **rates, mixed=self.mixed)]
