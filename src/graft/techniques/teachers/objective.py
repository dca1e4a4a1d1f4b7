"""An objective with a teacher, whose outputs are recorded if its inputs come back."""

from __future__ import annotations

import torch

from graft.backbones.backbone import Model, evaluating
from graft.base.records import Batch, Output
from graft.tasks.task import Task
from graft.techniques.teachers.teacher import SELF, open_teacher
from graft.techniques.technique import Objective


class TaughtObjective(Objective):
    """The task's loss, and what a subclass makes of the outputs of both networks."""

    references = ("teacher",)

    def __init__(self, model: Model, task: Task, teacher: str):
        super().__init__(model, task)
        self.spec = teacher
        self.teacher = open_teacher(teacher, model, task)
        if teacher != SELF:
            self.read_again = ("teacher",)

    @property
    def teachers(self) -> dict[str, Model]:
        return {f"teacher {self.spec}": self.teacher}

    @torch.no_grad()
    def teach(self, batch: Batch) -> Output:
        """The outputs of the teacher for the batch: for its own inputs, where they come with it."""
        (name,) = self.teachers
        beside = batch.extras.get(name)
        if beside is None:
            return self.teacher(batch)
        return self.teacher(Batch(beside["inputs"], mask=beside["mask"]))


def width_of(model: Model) -> int:
    """The number of features of an example."""
    preprocess, device = model.backbone.preprocess, next(model.parameters()).device
    inputs = preprocess.example()
    with torch.no_grad(), evaluating(model):
        return model(Batch(inputs, mask=preprocess.mask(inputs)).to(device)).features.shape[-1]
