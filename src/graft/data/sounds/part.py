"""A part of a sound: what a table, Kaldi's segments or a cut at silences name of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SoundPart:
    """The part of a file of sound from `start` to `end`; wherever a sound may be, it may be too."""

    source: str | Path | bytes
    start: float = 0.0
    """Seconds from the beginning of the file."""
    end: float | None = None
    """Seconds from the beginning of the file; None: the end of it."""
