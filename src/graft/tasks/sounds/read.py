"""The sounds of samples: how long they are, and the inputs that a network has of them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.sound import SoundPreprocess
from graft.base.records import Sample
from graft.data.sounds.open import open_sound, read_sound_header


def encode_sound(
    sample: Sample, preprocess: SoundPreprocess, rng: np.random.Generator | None
) -> dict[str, Tensor]:
    """The inputs of a network that hears the sound of a sample."""
    sound = open_sound(
        sample.roles["audio"], sample.id, preprocess.rate, most_seconds=preprocess.seconds
    )
    return preprocess(sound, rng)


def sound_length(sample: Sample, preprocess: SoundPreprocess) -> int:
    """The hundredths of a second that are read of a sound."""
    return round(100 * min(sound_seconds(sample), preprocess.seconds))


def is_too_long(sample: Sample, preprocess: SoundPreprocess) -> bool:
    """Whether a sound is longer than what is read of it."""
    return sound_seconds(sample) > preprocess.seconds


def sound_seconds(sample: Sample) -> float:
    """How long the sound of a sample is, by the header of the file."""
    return read_sound_header(sample.roles["audio"], sample.id).seconds
