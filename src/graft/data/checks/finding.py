"""One thing that a person should know of their data."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing found: `error` stops training, `warning` is for a person to act on, `info` is good to know."""

    kind: str
    severity: Literal["info", "warning", "error"]
    message: str
    samples: tuple[str, ...] = ()
    """The ids of the samples it is about."""


def listed(items: Iterable[str], most: int = 5) -> str:
    """The first few, and how many more there are."""
    items = list(items)
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")


def verb(items: Sized) -> str:
    """`is` or `are`."""
    return "is" if len(items) == 1 else "are"


def number(items: Sized, noun: str) -> str:
    """`3 classes`, `1 sample`."""
    return f"{len(items):,} {noun if len(items) == 1 else noun + ('es' if noun.endswith('s') else 's')}"
