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
from graft.data.sounds.open import open_sound, read_sound_header
from graft.data.sounds.play import sound_uri
from graft.data.sounds.spectrogram import spectrogram_uri


@dataclass(frozen=True)
class Sounds:
    """Reads sounds: what is named first among the bases of such a task.

    The network reads a sound at its true length, up to 30 seconds, and of a longer one the
    beginning.
    """

    reads: ClassVar[str] = "audio"
    cut_words: ClassVar[str] = "sounds are longer than the network reads, and are cut"

    def read(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """The tensors of what the network reads of a sound."""
        sound = open_sound(
            sample.roles["audio"], sample.id, preprocess.rate, most_seconds=preprocess.seconds
        )
        return preprocess(sound, rng)

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        """The hundredths of a second that are read, by the header of the file."""
        return round(100 * min(_seconds(piece), preprocess.seconds))

    def count_cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        return sum(_seconds(sample) > preprocess.seconds for sample in samples)

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        """Return a player of the beginning of the sound, and its spectrum."""
        heard = sample.roles["audio"], sample.id
        caption = self.caption(prediction, target)
        return Shown("audio", sound_uri(*heard), caption, picture=spectrogram_uri(*heard))


def _seconds(sample: Sample) -> float:
    return read_sound_header(sample.roles["audio"], sample.id).seconds
