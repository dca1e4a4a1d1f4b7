"""The loudness of a sound over time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAMES_PER_SECOND = 200
"""Frames of 5 ms are as short as a period of a voice, so that two sayings of a word differ."""


class Loudness:
    """The root of the power of each frame of the mix, from the blocks of a sound in turn."""

    def __init__(self, rate: int):
        self.size = max(1, rate // FRAMES_PER_SECOND)
        """Samples of a frame."""
        self._frames: list[NDArray[np.float64]] = []
        self._rest = np.zeros(0)

    def add(self, block: NDArray[np.float32]) -> None:
        """Measure the next samples (S, channels); what is no whole frame waits for more."""
        mono = np.concatenate([self._rest, block.mean(1, dtype=np.float64)])
        whole = len(mono) // self.size * self.size
        self._frames.append(np.sqrt((mono[:whole].reshape(-1, self.size) ** 2).mean(1)))
        self._rest = mono[whole:]

    @property
    def frames(self) -> NDArray[np.float64]:
        """The loudness of all whole frames (T,)."""
        return np.concatenate([np.zeros(0), *self._frames])
