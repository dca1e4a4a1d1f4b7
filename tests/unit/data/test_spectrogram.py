"""The spectrum of a sound is drawn small, with what is loud where it sounds."""

from __future__ import annotations

import base64
import io
import re
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from graft.data.sounds.mel_spectrum import band_edges, log_mel
from graft.data.sounds.spectrogram import spectrogram_uri
from graft.data.sounds.wave_files import wave_bytes

MOST_BYTES = 10_000


def drawing(samples: np.ndarray, rate: int) -> str:
    uri = spectrogram_uri(wave_bytes(samples, rate), "a")
    assert uri.startswith("data:image/svg+xml,") and len(uri) < MOST_BYTES
    return unquote(uri)


def shades(svg: str) -> np.ndarray:
    """The picture in the drawing, low pitches first (bands, columns)."""
    encoded = re.search(r"image/png;base64,([^\"]+)", svg)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))[::-1]


def marks(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


@pytest.mark.parametrize("pitch", [300, 1000, 3000])
def test_a_tone_is_brightest_in_its_band_while_it_sounds(pitch: int) -> None:
    times = np.arange(16_000) / 16_000
    picture = shades(drawing(0.5 * np.sin(2 * np.pi * pitch * times) * (times < 0.5), 16_000))
    nearest = int(np.abs(band_edges()[1:-1] - pitch).argmin())
    early, late = picture[:, 10:40], picture[:, 60:90]  # of 98 columns, 10 ms each
    assert set(early.argmax(0)) == {nearest}
    assert late.max() == 0


@pytest.mark.parametrize(
    ("rate", "seconds", "pitches", "last"),
    [(16_000, 0.5, "8 kHz", "0.5 s"), (8000, 3.0, "4 kHz", "3 s"), (44_100, 12, "8 kHz", "10 s")],
)
def test_the_marks_reach_to_the_highest_pitch_and_the_last_second_played(
    rate: int, seconds: float, pitches: str, last: str
) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, int(seconds * rate))
    shown = marks(drawing(noise, rate))
    assert pitches in shown and shown[-1] == last and "0 s" in shown


@pytest.mark.parametrize("samples", [1, 100, 8000])
def test_silence_and_the_shortest_sound_are_drawn(samples: int) -> None:
    assert shades(drawing(np.zeros(samples), 8000)).size


def test_a_sound_of_a_very_low_rate_has_a_band() -> None:
    assert len(shades(drawing(np.full(50, 0.1), 50))) == 1


def test_ten_times_the_amplitude_is_two_powers_of_ten() -> None:
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, 4000).astype(np.float32)
    # Amplitudes of float32 have seven digits, and so has their power.
    np.testing.assert_allclose(log_mel(10 * noise) - log_mel(noise), 2, atol=1e-5)
