"""What techniques share that learn from pictures without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.backbones.preprocess.augment import Augment
from graft.base import plugins, specs
from graft.base.errors import BadValue
from graft.base.records import Batches
from graft.tasks.task import Task
from graft.techniques.specs.places import Trainable, all_but_head, check_group, group_number
from graft.techniques.specs.stream import Stream
from graft.techniques.technique import Objective, Optimizer, Phase, Technique

SAMPLES, OTHER_VIEW = "samples", "other view"
"""The streams of all samples, whether anybody knows their labels, and of the same ones again."""
CONTROL = "longer-fine-tuning"
"""The control of all of them."""


@dataclass(frozen=True)
class SelfSupervision(Technique):
    """Train all but the head on the samples of training and of the split `unlabeled`."""

    transfer: ClassVar[str] = "unsupervised"
    can_be_added: ClassVar[bool] = False
    cost: ClassVar[float] = 1.0
    """The time of an epoch, in epochs of plain fine-tuning on as many samples, rounded so that
    techniques share a control."""

    optimizer: Optimizer | None = "adamw"

    @property
    def controls(self) -> tuple[str, ...]:
        """Plain fine-tuning that takes as long."""
        control = plugins.load("technique", CONTROL)
        return (specs.text(CONTROL, control(times=self.cost, passes=self.epochs)),)

    def streams(self) -> dict[str, Stream]:
        return {SAMPLES: Stream(("train", "unlabeled"), labels=False)}

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for texts and sounds, and for early stopping."""
        name = plugins.name_of(type(self))
        if backbone.preprocess.reads != "image":
            raise BadValue(
                f"{name!r} learns from pictures, which {task.name} does not read. Use "
                "'masked-language-modeling then full-fine-tuning' for texts, 'fixmatch' for sounds."
            )
        if self.patience is not None:
            raise BadValue(
                f"{name!r} trains no head, so validation cannot say when to stop. Leave out "
                f"patience={self.patience}, or give it to the technique after 'then'."
            )
        super().check(backbone, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, epochs=epochs)
        return [Phase("self-supervision", epochs, self._trainable(model), **rates)]

    def _trainable(self, model: Model) -> Trainable:
        return all_but_head


@dataclass(frozen=True)
class OnFeatures(SelfSupervision):
    """Self-supervision of the vector that enters the head."""

    from_group: int | None = None
    """The first layer group that trains, a negative one counted from the head; `auto` trains all.
    With `views=4`, say, the layers before it are computed once for each of four versions."""
    augment: Augment | None = "strong"

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for features that are not one vector, or no such layer group."""
        super().check(backbone, task)
        if self.from_group is not None:
            check_group(backbone, self.from_group, plugins.name_of(type(self)))
        if backbone.linear is None or backbone.form != "vector":
            raise BadValue(
                f"{plugins.name_of(type(self))!r} learns from the vectors that enter a linear "
                f"head, and {backbone.name} has none for {task.name}. Use another head or backbone."
            )

    def _trainable(self, model: Model) -> Trainable:
        if self.from_group is None:
            return all_but_head
        first = group_number(model, self.from_group, plugins.name_of(type(self)))
        return lambda place: place.group >= first


@dataclass(frozen=True)
class TwoViews(OnFeatures):
    """Self-supervision on two augmented views of each sample."""

    cost: ClassVar[float] = 2.0

    def streams(self) -> dict[str, Stream]:
        samples = Stream(("train", "unlabeled"), labels=False)
        again = Stream(("train", "unlabeled"), labels=False, rows_of=SAMPLES)
        return {SAMPLES: samples, OTHER_VIEW: again}

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also where both views would be the same."""
        super().check(backbone, task)
        if self.views == 1 or self.augment == "none":
            raise BadValue(
                f"{plugins.name_of(type(self))!r} compares two views of a sample, which are the "
                "same if nothing is augmented. Leave out views=1 and augment=none."
            )


class SelfSupervisedObjective(Objective):
    """An objective on features of `width` numbers."""

    def __init__(self, model: Model, task: Task):
        super().__init__(model, task)
        self.width = model.backbone.linear.in_features

    def place(self, module: nn.Module) -> nn.Module:
        """Return a module that is made after the model was placed on its device, placed there."""
        return module.to(self.device)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {}


def projector(width: int, hidden: int, out: int, normalized: bool = False) -> nn.Sequential:
    """Return a network with one hidden layer, from vectors (N, width) to vectors (N, out)."""
    norm = nn.BatchNorm1d(hidden) if normalized else nn.Identity()
    return nn.Sequential(nn.Linear(width, hidden), norm, nn.ReLU(), nn.Linear(hidden, out))
