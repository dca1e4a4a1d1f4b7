"""Cut long sounds where they are quietest, into parts that a network reads whole."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.data.sounds.loudness import Loudness
from graft.data.sounds.open import SILENT, read_blocks, read_sound_header
from graft.data.sounds.part import SoundPart

PAUSE_SECONDS = 0.3
"""How long a pause is over which quiet is measured: a stop within a word is shorter."""
EARLIEST = 0.5
"""A part has at least this share of the most seconds, so that there are not too many."""


def cut_at_silences(value: Any, name: str, most_seconds: float) -> list[SoundPart]:
    """The parts of a sound in order, none longer than `most_seconds`, each cut in a pause.

    A sound that is short enough is one part. Silent parts are left out, unless all are. An hour is
    read block by block. Raises DataError and MissingExtra.
    """
    whole = value if isinstance(value, SoundPart) else SoundPart(value)
    header = read_sound_header(whole, name)
    if header.seconds <= most_seconds:
        return [whole]
    loudness = Loudness(header.rate)
    for block in read_blocks(whole, name):
        loudness.add(block)
    frames, frame_seconds = loudness.frames, loudness.size / header.rate
    edges = _find_cuts(
        frames, int(most_seconds / frame_seconds), int(PAUSE_SECONDS / frame_seconds)
    )
    times = [whole.start + edge * frame_seconds for edge in edges]
    parts = [
        SoundPart(whole.source, start, end)
        for start, end in zip([whole.start, *times], [*times, whole.end], strict=True)
    ]
    peaks = [part.max(initial=0.0) for part in np.split(frames, edges)]
    return [part for part, peak in zip(parts, peaks, strict=True) if peak >= SILENT] or parts[:1]


def _find_cuts(frames: NDArray[np.float64], most: int, pause: int) -> list[int]:
    """The frames at which to cut, so that no part has more than `most`, each in a quiet pause."""
    power = np.concatenate([[0.0], np.cumsum(frames**2)])
    half = max(1, pause // 2)
    edges, start = [], 0
    while len(frames) - start > most:
        places = np.arange(start + int(EARLIEST * most), start + most)
        around = power[np.minimum(places + half, len(frames))] - power[places - half]
        # The last of equally quiet places, so that parts are as long as can be.
        start = int(places[len(places) - 1 - around[::-1].argmin()])
        edges.append(start)
    return edges
