"""Augmentation: random changes of sounds in training.

`weak`, `usual` and `strong` change the samples (gain, shift, speed, noise) and then hide parts of
what the network reads: times, and of a spectrum also frequencies (SpecAugment, arXiv:1904.08779).
All is drawn from `rng` alone, so that the same (seed, row) gives the same sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from graft.backbones.preprocess.augment import Augment


@dataclass(frozen=True)
class Strength:
    """How far a sound is changed."""

    gain_db: float
    """The most by which it becomes louder or softer."""
    shift_seconds: float
    """The longest silence that is added before or after it: no speech is cut off."""
    speed: float = 0.0
    """The share by which it is faster or slower, its pitch with it (arXiv:1503.05571 has 0.1)."""
    noisy: float = 0.0
    """The probability of noise."""
    noise_db: tuple[float, float] = (15.0, 40.0)
    """The range of the power of the sound above that of the noise."""
    time_masks: int = 0
    time_share: float = 0.0
    """The longest mask in time, as a share of the sound."""
    band_masks: int = 0
    band_share: float = 0.0
    """The widest mask in frequency, as a share of the bands."""


STRENGTHS: dict[Augment, Strength] = {
    "weak": Strength(6, 0.1),
    "usual": Strength(6, 0.1, 0.1, 0.5, (15, 40), 2, 0.05, 1, 0.2),
    "strong": Strength(12, 0.2, 0.1, 0.8, (5, 30), 2, 0.1, 2, 0.3),
}


def change_samples(
    samples: NDArray[np.float32], rate: int, most: int, strength: Strength, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Another recording of a sound (S,), in no more than `most` samples unless it had more."""
    # All is drawn before anything depends on the sound: what comes next is then the same for all.
    gain, speed = rng.uniform(-1, 1, 2)
    shift, before = rng.uniform(0, 1, 2)
    is_noisy, level = rng.random() < strength.noisy, rng.uniform(*strength.noise_db)
    noise_rng = np.random.default_rng(rng.integers(2**63))
    length = round(len(samples) / (1 + strength.speed * speed))
    if strength.speed and 1 < length <= max(most, len(samples)):
        places = np.linspace(0, len(samples) - 1, length)
        samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    silence = min(round(shift * strength.shift_seconds * rate), max(0, most - len(samples)))
    first = round(before * silence)
    samples = np.pad(samples, (first, silence - first))
    if is_noisy:
        power = float(np.square(samples, dtype=np.float64).mean()) / 10 ** (level / 10)
        noise = noise_rng.standard_normal(len(samples), dtype=np.float32)
        samples = samples + noise * np.float32(np.sqrt(power))
    samples = samples * np.float32(10 ** (strength.gain_db * gain / 20))
    peak = float(np.abs(samples).max(initial=0.0))
    return samples / np.float32(peak) if peak > 1 else samples


def mask_inputs(inputs: Tensor, strength: Strength, rng: np.random.Generator) -> Tensor:
    """Hide times of the inputs (S,) or (M, S), of a spectrum also bands, by their mean."""
    masked, mean = inputs.clone(), inputs.mean()
    for _ in range(strength.time_masks):
        masked[..., _draw_span(inputs.shape[-1], strength.time_share, rng)] = mean
    for _ in range(strength.band_masks if inputs.ndim == 2 else 0):
        masked[_draw_span(inputs.shape[0], strength.band_share, rng)] = mean
    return masked


def _draw_span(size: int, share: float, rng: np.random.Generator) -> slice:
    """A span of up to this share of the size, anywhere in it."""
    length = int(rng.uniform(0, share) * size)
    start = int(rng.integers(size - length + 1))
    return slice(start, start + length)
