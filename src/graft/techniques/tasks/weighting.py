"""A technique that says how the losses of several tasks are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.tasks.parts.one_of_several import TASK
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_several
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.technique import Backward, Objective


@dataclass(frozen=True)
class Weighting(FineTuning):
    """Full fine-tuning on several tasks, or after a `+` how the losses of tasks are joined."""

    weighs_tasks: ClassVar[bool] = True
    about_tasks: ClassVar[bool] = True

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a single task."""
        super().check(backbone, task)
        check_several(plugins.name_of(type(self)), task)


class WeightingObjective(Objective):
    """Joins the losses of the tasks by weights (K,), which a technique sets."""

    def __init__(self, model: Model, task: Task):
        super().__init__(model, task)
        self.names = list(task.learned_parts)

    def weights(self, losses: Tensor) -> Tensor:
        """Return the weight of each task, given the losses (K,) of a step."""
        return torch.ones_like(losses)

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        tasks, rest = self.split(losses)
        total = (self.weights(tasks) * tasks).sum() + rest
        if total.requires_grad:
            backward(total)

    def split(self, losses: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | float]:
        """Return the losses (K,) of the tasks, and the sum of all other losses."""
        tasks = torch.stack([losses[f"{TASK}{name}"] for name in self.names])
        return tasks, sum(loss for name, loss in losses.items() if not name.startswith(TASK))
