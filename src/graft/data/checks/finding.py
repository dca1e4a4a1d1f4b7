"""A finding about data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Literal

from graft.base.records import Sample


@dataclass(frozen=True)
class Finding:
    """One thing: an `error` stops training, a `warning` asks to act, an `info` is good to know."""

    code: str
    """The code of the finding, for programs: `leak`, `duplicates`; docs/data.md lists them."""
    severity: Literal["info", "warning", "error"]
    message: str
    """The finding in a sentence, for people."""
    samples: tuple[str, ...] = ()
    """The ids of the samples it is about."""


def counts(
    splits: Mapping[str, Sequence[Sample]],
    noun: str,
    measure: Callable[[Sequence[Sample]], str] = lambda samples: "",
) -> Finding:
    """Report the number of samples in total and per split; `measure` adds to each number."""
    sizes = ", ".join(
        f"{split} {len(samples):,}{measure(samples)}" for split, samples in splits.items()
    )
    return Finding("counts", "info", f"{sum(map(len, splits.values())):,} {noun}: {sizes}.")


def verb(items: Sized) -> str:
    """`is` or `are`."""
    return "is" if len(items) == 1 else "are"
