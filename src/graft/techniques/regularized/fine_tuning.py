"""Full fine-tuning under a loss or a noise that keeps the network from overfitting few labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone
from graft.base import plugins
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_vectors
from graft.techniques.specs.fine_tuning import FineTuning


@dataclass(frozen=True)
class RegularizedFineTuning(FineTuning):
    """Full fine-tuning whose techniques say whether their loss needs vectors of features."""

    reads_vectors: ClassVar[bool] = False
    """Whether its loss is of one vector of features for each example."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for features that the loss cannot read."""
        super().check(backbone, task)
        if self.reads_vectors:
            check_vectors(plugins.name_of(type(self)), backbone, "'l2-sp' or 'delta'")
