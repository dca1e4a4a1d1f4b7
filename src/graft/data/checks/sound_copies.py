"""Sounds that are nearly the same: saved in another format, at another rate or gain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.errors import DataError
from graft.data.sounds.open import open_sound

POINTS = 64
FLAT = 0.1
"""The deviation of the loudness, as a share of its mean, below which a sound is too even to
compare: tones and hiss."""
ALIKE = 0.97
"""The least correlation of the loudness of two sounds whose samples are then compared."""
SAME = 0.85
"""The least correlation of the samples of copies. As MP3 and OGG of the lowest quality seven real
sounds keep 0.88 to 1.0; two sayings of a word by one voice of one loudness have 0.66."""
EMPHASIS = 0.97
"""The share of each sample that is taken off the next one: hums and deep voices agree at some
shift whatever is said."""
APART = 0.1
"""Seconds by which the lengths of copies may differ: MP3 adds silence at both ends."""
RATE, COMPARED_SECONDS = 8000, 10.0
"""What is compared of two sounds: their beginnings, at the rate of a telephone."""
_CELLS = 20_000_000
"""Pairs compared at once; 80 MB."""
TRIED = 3
"""The sounds of the most similar loudness that a sound is compared with, sample by sample."""
COMPARED = 2000
"""Pairs that are compared sample by sample in all; each takes about 20 ms."""


@dataclass(frozen=True)
class SoundPrint:
    """The length of a sound, and its loudness over time, without its mean and of length 1."""

    seconds: float
    loudness: NDArray[np.float32]  # (POINTS,)


def make_print(frames: NDArray[np.float64], seconds: float) -> SoundPrint | None:
    """The print of a sound from the loudness of its frames; None if it is too short or even."""
    if len(frames) < POINTS // 2 or frames.std() <= FLAT * frames.mean():
        return None
    edges = np.linspace(0, len(frames), POINTS + 1)
    total = np.interp(edges, np.arange(len(frames) + 1), np.concatenate([[0.0], frames.cumsum()]))
    points = np.diff(total)
    points -= points.mean()
    size = np.linalg.norm(points)
    return SoundPrint(seconds, (points / size).astype(np.float32)) if size else None


def find_near_sounds(
    ones: list[tuple[Any, SoundPrint]], others: list[tuple[Any, SoundPrint]]
) -> tuple[list[tuple[int, int]], int]:
    """Return the indices of pairs of `ones` and `others` that sound the same, one pair per other.

    Each is a sound as `open_sound` takes it, with its print. Compares the `COMPARED` pairs whose
    prints are most alike, and also returns the number of alike pairs that were not compared.
    """
    if not ones or not others:
        return [], 0
    likely = sorted(_find_alike([p for _, p in ones], [p for _, p in others]), reverse=True)
    partners: dict[int, int] = {}
    for _, one, other in likely[:COMPARED]:
        if other not in partners and _are_same(ones[one][0], others[other][0]):
            partners[other] = one
    near = [(one, other) for other, one in sorted(partners.items())]
    return near, len(likely[COMPARED:])


def _find_alike(
    ones: list[SoundPrint], others: list[SoundPrint]
) -> Iterator[tuple[float, int, int]]:
    """Yield how alike the prints of some of `ones` and `others` are, and their indices.

    These are, for each other, the `TRIED` ones that are most alike.
    """
    one_points, other_points = (np.stack([p.loudness for p in side]) for side in (ones, others))
    one_seconds, other_seconds = (np.array([p.seconds for p in side]) for side in (ones, others))
    step = max(1, _CELLS // len(ones))
    for start in range(0, len(others), step):
        part = slice(start, start + step)
        alike = other_points[part] @ one_points.T
        alike[np.abs(other_seconds[part, None] - one_seconds[None]) > APART] = -1.0
        for _ in range(min(TRIED, len(ones))):
            best = alike.argmax(1)
            rows = np.arange(len(best))
            values = alike[rows, best]
            for row in np.flatnonzero(values >= ALIKE).tolist():
                yield float(values[row]), int(best[row]), start + row
            alike[rows, best] = -1.0


def _are_same(one: Any, other: Any) -> bool:
    """Whether the samples of two sounds agree at some shift, whatever their gain."""
    try:
        sounds = [open_sound(s, "", RATE, COMPARED_SECONDS) for s in (one, other)]
    except DataError:
        return False
    first, second = (sound[1:] - EMPHASIS * sound[:-1] for sound in sounds)
    size = 2 ** int(np.ceil(np.log2(len(first) + len(second))))
    spectra = np.fft.rfft(first, size) * np.fft.rfft(second, size).conj()
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    # A copy may be upside down: what is heard is the same.
    return scale > 0 and np.abs(np.fft.irfft(spectra, size)).max() >= SAME * scale
