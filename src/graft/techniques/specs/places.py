"""Where parameters of a network stand, and which of them train."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue


class Place(NamedTuple):
    """Where a parameter of a network stands."""

    name: str
    group: int
    """The index of its layer group; that of a new head is -1."""
    module: nn.Module
    """The module that it belongs to."""


Trainable = Callable[[Place], bool]
"""Whether the parameter at a place trains."""


def select(model: Model, trains: Trainable) -> list[str]:
    """Return the names of the parameters of the network that train."""
    groups, network = model.group_indices(), model.network
    return [
        name
        for name, _ in network.named_parameters()
        if trains(Place(name, groups[name], network.get_submodule(name.rpartition(".")[0])))
    ]


def head_only(place: Place) -> bool:
    """The head and nothing else."""
    return place.group == -1


def everything(place: Place) -> bool:
    """All layers and the head."""
    return True


def all_but_head(place: Place) -> bool:
    """All layers below the head."""
    return place.group != -1


def nothing(place: Place) -> bool:
    """No parameter."""
    return False


def from_group(first: int) -> Trainable:
    """All layer groups from `first` on, and the head."""
    return lambda place: place.group == -1 or place.group >= first


def check_group(backbone: Backbone, asked: int, technique: str) -> None:
    """Raise BadValue as `group_number`."""
    group_number(Model(backbone), asked, technique)


def group_number(model: Model, asked: int, technique: str) -> int:
    """A layer group by number, where a negative one counts from the head.

    Raises BadValue where there is none.
    """
    count = len(model.backbone.groups) - 1
    if not -count <= asked < count:
        raise BadValue(
            f"from_group={asked} of {technique!r} is not a layer group of {model.backbone.name}, "
            f"which has {count} below its head: use {-count} to {count - 1}. See: graft info "
            f"{model.backbone.name}"
        )
    return asked % count
