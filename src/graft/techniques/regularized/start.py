"""The weights that a network began with, which losses and noise lead back to."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from graft.backbones.backbone import Model
from graft.tasks.task import Task
from graft.techniques.specs.copies import copy_tensors
from graft.techniques.technique import Objective


class StartObjective(Objective):
    """An objective with a copy of the weights below the new head, as they were when it was made."""

    references = ("start",)

    def __init__(self, model: Model, task: Task):
        super().__init__(model, task)
        groups = model.group_indices()
        self.names = [name for name, _ in model.network.named_parameters() if groups[name] != -1]
        self.start = copy_tensors(map(model.network.get_parameter, self.names))

    def pairs(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """The name of each weight below the new head, the weight, and what it was at the start."""
        for name, start in zip(self.names, self.start, strict=True):
            yield name, self.model.network.get_parameter(name), start
