"""Preprocessing: from a sound to the inputs that an encoder of speech was pretrained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.backbones.preprocess.augment import Augment
from graft.backbones.preprocess.augment_sound import STRENGTHS, change_samples, mask_inputs
from graft.backbones.speech.frames import Convolution, fewest_inputs, mask_frames


@dataclass(frozen=True)
class SoundPreprocess:
    """Apply the network's feature extractor to a sound of its true length.

    Yields log-mel spectra `input_features` (M, S) or samples `input_values` (S,); `collate` pads to
    the longest sound of the batch, with an `attention_mask` (B, S) at the same resolution. A sound
    is cut after `seconds`, and one that is too short for a frame is padded with zeros. With `rng`,
    it is changed for training if it is to be augmented: see `augment_sound`.
    """

    reads: ClassVar[str] = "audio"
    extractor: Any = field(repr=False)
    """The feature extractor of transformers."""
    convolutions: tuple[Convolution, ...]
    """Those of the network, which say how many frames of features an input gives."""
    seconds: float = 30.0
    """The longest sound that is read."""
    augment: Augment = "none"
    silence: float = 0.0
    """Seconds of silence that the network hears behind a sound, within the longest that is read."""

    @property
    def augments(self) -> bool:
        return self.augment != "none"

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.extractor.sampling_rate

    @property
    def input_name(self) -> str:
        return self.extractor.model_input_names[0]

    def __call__(
        self, value: NDArray[np.float32], rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        strength = None if rng is None else STRENGTHS.get(self.augment)
        most = int(self.seconds * self.rate)
        samples = value[:most]
        if strength is not None and rng is not None:
            samples = change_samples(samples, self.rate, most, strength, rng)
        # The windows of a spectrum reach beyond both ends of a sound, so half of one must fit.
        fewest = getattr(self.extractor, "n_fft", None) or fewest_inputs(self.convolutions)
        length = max(fewest, min(most, len(samples) + int(self.silence * self.rate)))
        samples = np.pad(samples, (0, max(0, length - len(samples))))
        with torch.autocast("cpu", enabled=False):  # Whisper's spectra are made by torch
            encoded = self.extractor(
                samples, sampling_rate=self.rate, padding="longest", return_tensors="np"
            )
        inputs = torch.from_numpy(encoded[self.input_name][0]).float()
        if strength is not None and rng is not None:
            inputs = mask_inputs(inputs, strength, rng)
        return {self.input_name: inputs}

    def collate(self, encoded: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Pad with zeros to the longest sound."""
        inputs = [sound[self.input_name] for sound in encoded]
        mask = _mask([tensor.shape[-1] for tensor in inputs])
        padded = [nn.functional.pad(t, (0, mask.shape[1] - t.shape[-1])) for t in inputs]
        return {self.input_name: torch.stack(padded), "attention_mask": mask}

    def blank(self, count: int, lengths: Sequence[int] | None) -> dict[str, Tensor] | None:
        """Inputs without numbers, whose features have these lengths; None if these are unknown."""
        if lengths is None:
            return None
        mask = _mask([fewest_inputs(self.convolutions, length) for length in lengths])
        bands = () if self.extractor.feature_size == 1 else (self.extractor.feature_size,)
        inputs = torch.full((), math.nan).expand(count, *bands, mask.shape[1])
        return {self.input_name: inputs, "attention_mask": mask}

    def mask(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the mask (B, T) of the frames of features."""
        return mask_frames(inputs["attention_mask"], self.convolutions)

    def with_distinct_lengths(self, several: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
        """Return the inputs unchanged: they have one length."""
        return several

    def length(self, value: NDArray[np.float32]) -> int:
        """The number of samples of an opened sound."""
        return len(value)

    def with_augment(self, augment: Augment) -> Self:
        """Return the same preprocessing with another augmentation."""
        return replace(self, augment=augment)

    def settings(self) -> dict[str, Any]:
        read = {"seconds": self.seconds, "silence": self.silence}
        return {"reads": self.reads, **read, "augment": self.augment}

    def example(self) -> dict[str, Tensor]:
        """Make the inputs of two tones of different lengths, to trace a network with."""
        lengths = (int(self.rate * 0.5), int(self.rate * 0.3))
        tones = [np.sin(np.arange(n, dtype=np.float32) / 5) / 2 for n in lengths]
        return self.collate([self(tone, None) for tone in tones])


def _mask(lengths: Sequence[int]) -> Tensor:
    """The mask (B, S) of inputs of these lengths, padded to the longest."""
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
