"""Sounds are changed in training alone, by what a technique asks for, and the same again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from graft.backbones.load import load_backbone
from graft.backbones.preprocess.augment_sound import (
    STRENGTHS,
    Strength,
    change_samples,
    mask_inputs,
)
from graft.backbones.preprocess.preprocess import Preprocess, restore_preprocess
from graft.tasks.audio_classification import AudioClassification

RATE = 16_000
NOTHING = Strength(0.0, 0.0)


def tone(seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.3 * np.sin(np.arange(int(seconds * RATE)) / 5)).astype(np.float32)


def change(strength: Strength, seed: int = 0, sound: NDArray[np.float32] | None = None):
    sound = tone() if sound is None else sound
    return change_samples(sound, RATE, 30 * RATE, strength, np.random.default_rng(seed))


@pytest.fixture(params=["tiny:whisper", "tiny:wav2vec2"])
def preprocess(request: pytest.FixtureRequest) -> Preprocess:
    return load_backbone(request.param, AudioClassification(("a", "b")).job()).preprocess


def test_nothing_changes_without_strength() -> None:
    assert np.array_equal(change(NOTHING), tone())


def test_gain_stays_within_its_decibels() -> None:
    ratios = [change(replace(NOTHING, gain_db=6), seed).std() / tone().std() for seed in range(40)]
    assert 10 ** (-6 / 20) <= min(ratios) < 0.8 and 1.25 < max(ratios) <= 10 ** (6 / 20) + 1e-6


def test_a_loud_sound_does_not_clip() -> None:
    loud = tone() / 0.3
    assert max(np.abs(change(replace(NOTHING, gain_db=12), s, loud)).max() for s in range(9)) <= 1


def test_a_shift_adds_silence_and_cuts_nothing_off() -> None:
    lengths = []
    for seed in range(20):
        sound = change(replace(NOTHING, shift_seconds=0.1), seed)
        lengths.append(len(sound))
        assert np.array_equal(np.trim_zeros(sound), np.trim_zeros(tone()))
    assert min(lengths) >= RATE and RATE + 800 < max(lengths) <= RATE + 1600


def test_speed_moves_the_pitch_with_the_length() -> None:
    sound = change(replace(NOTHING, speed=0.1), 1)
    assert len(sound) != RATE and 0.9 <= len(sound) / RATE <= 1 / 0.9
    peaks = [np.abs(np.fft.rfft(one)).argmax() / len(one) for one in (sound, tone())]
    assert peaks[0] / peaks[1] == pytest.approx(RATE / len(sound), abs=2e-3)


def test_the_noise_has_the_power_that_is_asked_for() -> None:
    strength = replace(NOTHING, noisy=1.0, noise_db=(20.0, 20.0))
    noise = change(strength) - tone()
    assert 10 * np.log10(np.square(tone()).mean() / np.square(noise).mean()) == pytest.approx(
        20, abs=0.2
    )


def test_a_sound_as_long_as_is_read_keeps_its_end() -> None:
    longest = change_samples(tone(), RATE, RATE, STRENGTHS["strong"], np.random.default_rng(3))
    assert len(longest) <= RATE


def test_masks_hide_times_and_bands_of_a_spectrum_and_times_of_samples() -> None:
    spectrum = torch.randn(80, 100, generator=torch.Generator().manual_seed(0))
    strength = Strength(0, 0, time_masks=1, time_share=0.1, band_masks=1, band_share=0.3)
    masked = mask_inputs(spectrum, strength, np.random.default_rng(1))
    hidden = masked == spectrum.mean()
    times, bands = hidden.all(0).sum(), hidden.all(1).sum()
    assert 0 < times <= 10 and 0 < bands <= 24
    assert torch.equal(masked[~hidden], spectrum[~hidden])
    wave = mask_inputs(spectrum[0], strength, np.random.default_rng(0))
    assert 0 < (wave != spectrum[0]).sum() <= 10


def test_the_same_seed_gives_the_same_sound_and_no_seed_the_plain_one(
    preprocess: Preprocess,
) -> None:
    plain = preprocess(tone(), None)
    for name in ("weak", "usual", "strong"):
        augmented = preprocess.with_augment(name)
        assert augmented.augments and not preprocess.augments
        one, again, other = (augmented(tone(), np.random.default_rng(s)) for s in (1, 1, 2))
        key = preprocess.input_name
        assert torch.equal(one[key], again[key])
        assert one[key].shape != other[key].shape or not torch.equal(one[key], other[key])
        assert torch.equal(augmented(tone(), None)[key], plain[key])
        assert torch.isfinite(one[key]).all()
    assert torch.equal(preprocess(tone(), np.random.default_rng(0))[key], plain[key])


def test_silence_and_the_shortest_sound_can_be_changed(preprocess: Preprocess) -> None:
    augmented = preprocess.with_augment("strong")
    for sound in (np.zeros(RATE, np.float32), np.float32([0.5])):
        for seed in range(5):
            inputs = augmented(sound, np.random.default_rng(seed))[preprocess.input_name]
            assert torch.isfinite(inputs).all()


def test_settings_say_how_sounds_are_augmented(preprocess: Preprocess) -> None:
    """A recording is known by the settings: those of plain and augmented sounds do not mix."""
    augmented = preprocess.with_augment("usual")
    assert augmented.settings() != preprocess.settings()
    assert restore_preprocess(preprocess, augmented.settings()).augment == "usual"
    assert restore_preprocess(preprocess, {"reads": "audio", "seconds": 30.0}).augment == "none"
