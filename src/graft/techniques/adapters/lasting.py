"""What techniques share whose layers stay in the network."""

from __future__ import annotations

from graft.backbones.adapters.added import MARK
from graft.techniques.specs.places import Place


def trains_added(place: Place) -> bool:
    """The head and what was added."""
    return place.group == -1 or MARK in place.name
