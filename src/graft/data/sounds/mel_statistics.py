"""A sound as a few numbers, which a trivial predictor reads: statistics of its log-mel spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from graft.base.records import Sample
from graft.data.sounds.mel_spectrum import RATE, log_mel
from graft.data.sounds.open import open_sound

LONGEST = 30.0
"""Seconds that are read of a sound."""


def mel_statistics(sample: Sample) -> NDArray[np.float32]:
    """The mean and deviation over time of each band, and the deviation of its changes (120,)."""
    bands = log_mel(open_sound(sample.roles["audio"], sample.id, RATE, LONGEST))  # (T, BANDS)
    statistics = (bands.mean(0), bands.std(0), np.diff(bands, axis=0).std(0))
    return np.concatenate(statistics).astype(np.float32)
