"""The contract of a validator, and what it may look at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from graft.base import plugins
from graft.base.errors import DataError, UnknownName

VAL = "val"
"""Select by the metric of the split `val`, which is of the source where there is a target."""
USUAL, GUARD = "mixval", "importance-weighted"
"""The validator that chooses where there is another domain, and the one that it is held against."""


@dataclass(frozen=True)
class Seen:
    """What a validator may look at of a finished network; no label of the target is in it.

    Features are what enters the head. The source is its held-out validation split.
    """

    source: Tensor
    """Features (N, D) of the source, in float64."""
    source_logits: Tensor
    """(N, C)."""
    labels: Tensor
    """The classes (N,) of the source."""
    target: Tensor
    """Features (M, D) of the samples without labels."""
    target_logits: Tensor
    """(M, C)."""
    classify: Callable[[Tensor], Tensor]
    """The head: from features to logits."""


class Validator(Protocol):
    """One file in this folder: a number by which networks are ranked, the higher the better."""

    def __call__(self, seen: Seen) -> float: ...


def find(name: str) -> Validator:
    """The validator of that name; raises UnknownName."""
    return plugins.load("validator", name)()


def check_selection(name: str) -> str:
    """Return `val` or the name of a validator; raises UnknownName for others."""
    known = (VAL, *plugins.names("validator"))
    if name not in known:
        raise UnknownName.of("validator", name, known)
    return name


def measure(seen: Seen) -> dict[str, float]:
    """Return the value of every validator, by name; NaN where it is undefined."""
    with torch.no_grad():
        return {name: _value(find(name), seen) for name in plugins.names("validator")}


def _value(validator: Validator, seen: Seen) -> float:
    try:
        return validator(seen)
    except DataError:  # too few samples, or domains that do not overlap
        return math.nan
