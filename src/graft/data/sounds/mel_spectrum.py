"""The log-mel spectrum of a sound: what is loud at which pitch, in frames of 25 ms."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second of the sounds whose spectrum is computed."""
WINDOW, STEP = 400, 160
"""Samples of a frame and between the starts of two: 25 and 10 ms."""
BANDS = 40
FLOOR = 1e-10
"""The least power of a band, so that silence has a logarithm."""


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logarithm to base 10 of the power of each band in each frame (T, BANDS)."""
    # Padding to two frames gives even the shortest sound a change from frame to frame.
    sound = np.pad(sound, (0, max(0, WINDOW + STEP - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP]  # (T, WINDOW)
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW))) ** 2
    return np.log10(np.maximum(power @ _filters(), FLOOR))


@cache
def band_edges() -> NDArray[np.float64]:
    """The frequencies (BANDS + 2) equally far apart on the mel scale: band i peaks at i + 1."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    return 700 * (10 ** (np.linspace(0, highest, BANDS + 2) / 2595) - 1)


@cache
def _filters() -> NDArray[np.float64]:
    """Triangles (WINDOW // 2 + 1, BANDS) from the edge below a band to the one above."""
    edges = band_edges()
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    left, peak, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - left) / (peak - left), (right - frequencies) / (right - peak)
    return np.maximum(0, np.minimum(rising, falling))
