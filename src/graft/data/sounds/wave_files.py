"""Sounds as WAV files in memory."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray


def wave_bytes(samples: NDArray[np.floating], rate: int) -> bytes:
    """Samples (T,) between -1 and 1 as a WAV file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * (2**15 - 1)).round().astype("<i2").tobytes())
    return buffer.getvalue()
