"""Sounds for a page: the beginning as MP3 in a data URI."""

from __future__ import annotations

import base64
import io
from typing import Any

from graft.data.sounds.open import open_sound

RATE = 16_000
"""Samples a second; speech needs no more."""
LONGEST = 10.0
"""Seconds of a sound that a page plays."""


def sound_uri(value: Any, name: str) -> str:
    """The first seconds of a sound as MP3 in a data URI; raises DataError and MissingExtra."""
    import soundfile

    samples = open_sound(value, name, RATE, LONGEST)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="MP3")
    return "data:audio/mpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
