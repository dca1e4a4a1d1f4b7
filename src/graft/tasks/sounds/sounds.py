"""What tasks share that read a sound from its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.sounds.play import sound_uri
from graft.data.sounds.spectrogram import spectrogram_uri
from graft.tasks.sounds.read import encode_sound, is_too_long, sound_length


@dataclass(frozen=True)
class Sounds:
    """What a task inherits, before its kind of answer, to read sounds.

    The network reads a sound at its true length, up to 30 seconds, and of a longer one the
    beginning.
    """

    reads: ClassVar[str] = "audio"
    cut_words: ClassVar[str] = "sounds are longer than the network reads, and are cut"

    def read(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """The tensors of what the network reads of a sound."""
        return encode_sound(sample, preprocess, rng)

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return sound_length(piece, preprocess)

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        return sum(is_too_long(sample, preprocess) for sample in samples)

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        """Return a player of the beginning of the sound, and its spectrum."""
        heard = sample.roles["audio"], sample.id
        caption = self.caption(prediction, target)
        return Shown("audio", sound_uri(*heard), caption, picture=spectrogram_uri(*heard))
