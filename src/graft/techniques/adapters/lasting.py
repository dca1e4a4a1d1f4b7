"""What techniques share whose layers stay in the network."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from graft.backbones.adapters import added
from graft.backbones.adapters.layer import MARK
from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import NotNegative
from graft.tasks.task import Task
from graft.techniques.specs.places import Place
from graft.techniques.technique import Objective, Optimizer, Phase, Technique


@dataclass(frozen=True)
class LastingTechnique(Technique):
    """Freeze the network; train layers that are added to it and stay, and the head."""

    adds_layers: ClassVar[bool] = True
    kind: ClassVar[str]
    """The kind of the layers: see `added.KINDS`."""
    rate: ClassVar[float]
    """The learning rate of what is added, in multiples of the one of full fine-tuning."""

    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.0

    @abstractmethod
    def layers(self, model: Model) -> dict[str, dict[str, Any]]:
        """The settings of the layers that it adds, by path; raises BadValue if there are none."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue if the network has no place for the layers."""
        super().check(backbone, task)
        self.layers(Model(backbone))

    def leave(self, backbone: Backbone) -> AbstractContextManager[None]:
        return added.try_out(backbone, self.kind, self.layers(Model(backbone)))

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        self.check(model.backbone, task)
        added.add(model.backbone, self.kind, self.layers(model))
        return Objective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, body=self.rate, head=10 / self.rate)
        return [Phase("fine-tuning", epochs, _trains, **rates)]


def _trains(place: Place) -> bool:
    """The head and what was added."""
    return place.group == -1 or MARK in place.name
