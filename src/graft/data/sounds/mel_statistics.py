"""A sound as a few numbers, which a trivial predictor reads: statistics of its log-mel spectrum."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from graft.base.records import Sample
from graft.data.sounds.open import open_sound

RATE = 16_000
WINDOW, STEP = 400, 160
"""Samples of a frame and between the starts of two: 25 and 10 ms."""
BANDS = 40
LONGEST = 30.0
"""Seconds that are read of a sound."""
FLOOR = 1e-10
"""The least power of a band, so that silence has a logarithm."""


def mel_statistics(sample: Sample) -> NDArray[np.float32]:
    """The mean and deviation over time of each band, and the deviation of its changes (120,)."""
    sound = open_sound(sample.roles["audio"], sample.id, RATE, LONGEST)
    # Padding to two frames gives even the shortest sound a change from frame to frame.
    sound = np.pad(sound, (0, max(0, WINDOW + STEP - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP]  # (T, WINDOW)
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2
    bands = np.log10(np.maximum(power @ _filters(), FLOOR))  # (T, BANDS)
    statistics = (bands.mean(0), bands.std(0), np.diff(bands, axis=0).std(0))
    return np.concatenate(statistics).astype(np.float32)


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles (WINDOW // 2 + 1, BANDS) whose peaks are equally far apart on the mel scale."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - left) / (peak - left), (right - frequencies) / (right - peak)
    return np.maximum(0, np.minimum(rising, falling))
