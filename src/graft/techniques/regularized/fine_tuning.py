"""Full fine-tuning under a loss or a noise that keeps the network from overfitting few labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_vectors
from graft.techniques.specs.places import everything
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class RegularizedFineTuning(Technique):
    """Fine-tune everything in one phase; techniques add a loss, or change the step."""

    reads_vectors: ClassVar[bool] = False
    """Whether its loss is of one vector of features for each example."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for features that the loss cannot read."""
        super().check(backbone, task)
        if self.reads_vectors:
            check_vectors(plugins.name_of(type(self)), backbone, "'l2-sp' or 'delta'")

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("fine-tuning", epochs, everything, **self.rates(model, epochs=epochs))]
