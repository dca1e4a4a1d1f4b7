"""Long sounds are cut in their pauses, into parts that together are the sound."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import DataError
from graft.data.sounds.open import open_sound
from graft.data.sounds.part import SoundPart
from graft.data.sounds.silences import cut_at_silences
from graft.data.sounds.wave_files import wave_bytes

RATE = 8000


def speak(*seconds: float) -> bytes:
    """Noise and pauses in turn, each so many seconds long."""
    rng = np.random.default_rng(0)
    sizes = [round(part * RATE) for part in seconds]
    parts = [rng.uniform(-0.5, 0.5, n) * (i % 2 == 0) for i, n in enumerate(sizes)]
    return wave_bytes(np.concatenate(parts).astype(np.float32), RATE)


def edges_of(parts: Sequence[SoundPart]) -> list[tuple[float, float | None]]:
    return [(part.start, part.end) for part in parts]


def test_a_short_sound_is_one_part() -> None:
    sound = speak(2.0)
    assert cut_at_silences(sound, "a", 2.0) == [SoundPart(sound)]


def test_a_long_sound_is_cut_within_its_pauses() -> None:
    parts = cut_at_silences(speak(6.0, 1.0, 2.0, 0.5, 3.0, 0.4, 4.0), "a", 10.0)
    (start, first), (second, end) = edges_of(parts)
    assert (start, end) == (0, None) and first == second
    # The last pause that is quiet over 0.3 seconds and starts no later than 10 seconds.
    assert 9.0 + 0.15 <= first <= 9.5 - 0.15 + 0.01


def test_no_part_is_too_long_and_together_they_are_the_sound() -> None:
    sound = speak(*[0.9, 0.35] * 30)
    parts = cut_at_silences(sound, "a", 5.0)
    heard = [open_sound(part, "a", RATE) for part in parts]
    assert max(map(len, heard)) <= 5 * RATE and min(map(len, heard[:-1])) >= 2.5 * RATE
    assert np.array_equal(np.concatenate(heard), open_sound(sound, "a", RATE))


def test_without_a_pause_it_is_cut_all_the_same() -> None:
    parts = cut_at_silences(speak(7.0), "a", 3.0)
    lengths = [(part.end or 7.0) - part.start for part in parts]
    assert max(lengths) <= 3 and sum(lengths) == pytest.approx(7)


def test_silent_parts_are_left_out_unless_all_is_silent() -> None:
    parts = cut_at_silences(speak(2.0, 20.0, 2.0), "a", 5.0)
    assert [part.start == 0 or part.end is None for part in parts] == [True, True]
    silence = wave_bytes(np.zeros(12 * RATE), RATE)
    assert len(cut_at_silences(silence, "a", 5.0)) == 1


def test_the_part_of_a_recording_is_cut_within_itself(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(speak(6.0, 1.0, 6.0, 1.0, 6.0))
    parts = cut_at_silences(SoundPart(tmp_path / "a.wav", 3.0, 16.0), "a", 8.0)
    assert parts[0].start == 3 and parts[-1].end == 16
    assert all(one.end == other.start for one, other in itertools.pairwise(parts))


def test_an_hour_is_cut_at_its_rate_without_drift() -> None:
    """At 11,025 Hz frames and blocks do not fit one another: rounding must not add up."""
    rng = np.random.default_rng(0)
    second = rng.uniform(-0.5, 0.5, 11_025).astype(np.float32)
    hour = np.tile(np.concatenate([second] * 9 + [np.zeros_like(second)]), 60)  # ten minutes
    parts = cut_at_silences(wave_bytes(hour, 11_025), "a", 12.0)
    pauses = [(part.end % 10) for part in parts[:-1]]
    assert min(pauses) >= 9.1 and max(pauses) <= 9.9


def test_a_sound_that_cannot_be_read_is_named() -> None:
    with pytest.raises(DataError, match="The sound of a cannot be read: it is empty"):
        cut_at_silences(b"", "a", 5.0)
