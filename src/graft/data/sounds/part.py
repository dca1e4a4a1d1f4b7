"""A part of a sound: what a table, Kaldi's segments or a cut at silences name of a recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from graft.base.errors import BadValue


@dataclass(frozen=True, slots=True)
class SoundPart:
    """The part of a file of sound from `start` to `end`; wherever a sound may be, it may be too."""

    source: str | Path | bytes
    start: float = 0.0
    """Seconds from the beginning of the file."""
    end: float | None = None
    """Seconds from the beginning of the file; None: the end of it."""

    def __post_init__(self) -> None:
        """Raise BadValue for a part that is before the file, or that ends where it starts."""
        times = (self.start,) if self.end is None else (self.start, self.end)
        are_seconds = all(isinstance(time, Real) and math.isfinite(time) for time in times)
        if not are_seconds or not 0 <= self.start < (math.inf if self.end is None else self.end):
            raise BadValue(
                "A part of a sound starts at 0 seconds or later, and ends after it starts. Got "
                f"start={self.start!r} and end={self.end!r} instead."
            )
