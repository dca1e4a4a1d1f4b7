"""Transcripts as characters, of which each frame of a sound is one or a blank (CTC)."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.backbones.backbone import Model, evaluating
from graft.backbones.preprocess.sound import SoundPreprocess
from graft.backbones.speech.frames import count_frames
from graft.base.errors import BadValue
from graft.base.records import Batch, Output, Sample
from graft.tasks.classes.sure import SURE
from graft.tasks.sounds.read import encode_sound, sound_length
from graft.tasks.speech import ctc
from graft.tasks.speech.coding import Coded, Coding
from graft.tasks.speech.normalization import normalize
from graft.tasks.text.generation import Decoding

BATCH = 16
"""Sounds that are transcribed at a time."""


def outputs_for(characters: Sequence[str], is_plain: bool) -> tuple[str, ...]:
    """What each output of a network stands for: the blank, the boundary of words, characters.

    If `is_plain` there are those that are left of texts without case and punctuation.
    """
    if not is_plain:
        return ctc.vocabulary_of(characters)
    # Between two digits, since an apostrophe stays within words alone; no mark joins a digit.
    within = [normalize(f"0{c}0", "basic")[1:-1] for c in characters]
    # Sigma is another letter at the end of a word.
    ending = [normalize(f"a{c}", "basic")[1:] for c in characters]
    return ctc.vocabulary_of([*within, *ending])


@dataclass(frozen=True)
class Characters(Coding):
    """The characters of training, in lower case and without punctuation if `is_plain`.

    A character that training lacks is left out of a target, since no output stands for it, and
    stays an error where transcripts are compared. A transcript that needs more frames than its
    sound has weighs nothing in training, and elsewhere counts as guessed.
    """

    cut_words: ClassVar[str] = (
        "transcripts have more characters than the network has frames of their sounds, and teach "
        "it nothing"
    )

    outputs: tuple[str, ...]
    is_plain: bool

    def simplify(self, text: str) -> str:
        """Return what is learned of a text."""
        return normalize(text, "basic") if self.is_plain else unicodedata.normalize("NFC", text)

    def code(self, text: str, preprocess: SoundPreprocess) -> Coded:
        learned = self.simplify(text)
        return Coded(np.array(ctc.encode(learned, self.outputs), np.int64), len(learned.encode()))

    def fits(self, coded: Coded, seconds: float, preprocess: SoundPreprocess) -> bool:
        samples = min(seconds, preprocess.seconds) * preprocess.rate
        inputs = int(samples / _inputs_apart(preprocess))
        frames = int(count_frames(torch.tensor(inputs), preprocess.convolutions))
        return ctc.count_frames_needed(coded.ids.tolist()) <= frames

    def target(self, coded: Coded) -> Tensor:
        """The outputs (N,) that stand for the characters."""
        return torch.from_numpy(coded.ids)

    def add_target(
        self, inputs: dict[str, Tensor], coded: Coded, preprocess: SoundPreprocess
    ) -> dict[str, Tensor]:
        return {**inputs, "target": self.target(coded)}

    def collate_targets(self, targets: Sequence[Tensor]) -> Tensor:
        """Pad with the blank, which is 0."""
        return nn.utils.rnn.pad_sequence(list(targets), batch_first=True)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean nats of a character, of the transcripts that fit their sounds."""
        nats = ctc.negative_log_likelihoods(output.logits, batch.mask, batch.target)
        return nats.sum() / self.loss_weight(batch)

    def loss_weight(self, batch: Batch) -> Tensor:
        sizes = _sizes(batch.target) * ctc.are_possible(batch.mask, batch.target)
        return sizes.sum().clamp(min=1)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        if batch.target is None:
            return [(math.nan, 0)] * len(batch)
        nats = ctc.negative_log_likelihoods(output.logits, batch.mask, batch.target)
        sizes, guessed = _sizes(batch.target), math.log(len(self.outputs))
        nats = nats.where(ctc.are_possible(batch.mask, batch.target), guessed * sizes)
        return list(zip(nats.tolist(), sizes.tolist(), strict=True))

    def right_output(self, batch: Batch) -> Output:
        """Each character once, blanks between equal ones and behind the last."""
        logits = torch.zeros(*batch.mask.shape, len(self.outputs))
        logits[..., 0] = SURE
        for frames, target in zip(logits, batch.target.tolist(), strict=True):
            place, last = 0, 0
            for number in filter(None, target):
                place += number == last
                frames[place, 0], frames[place, number] = 0, SURE
                place, last = place + 1, number
        return Output(logits, torch.zeros(len(batch), 1))

    def write(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Raises BadValue if characters are to be drawn."""
        if decoding.temperature:
            raise BadValue(
                "A text is read off the frames of a sound, and no character is drawn: leave out "
                f"temperature (got {decoding.temperature:g})."
            )
        beams = decoding.num_beams
        texts = (ctc.find_text(frames, beams) for frames in _frames_of(model, samples))
        return [ctc.decode(numbers, self.outputs) for numbers in texts]

    def write_timed(
        self, model: Model, samples: Sequence[Sample], decoding: Decoding
    ) -> list[list[dict[str, Any]]]:
        """Each word is a segment, from its first character to its last on the best path."""
        preprocess = model.backbone.preprocess
        strides = (convolution.stride for convolution in preprocess.convolutions)
        step = math.prod(strides) * _inputs_apart(preprocess) / preprocess.rate
        return [
            [
                {"text": word, "start": round(first * step, 2), "end": round((last + 1) * step, 2)}
                for word, first, last in ctc.find_words(frames, self.outputs)
            ]
            for frames in _frames_of(model, samples)
        ]


def _frames_of(model: Model, samples: Sequence[Sample]) -> list[NDArray[np.float32]]:
    """The logarithms of the probabilities (T, K) of the frames of each sound.

    Sounds of similar length are batched.
    """
    preprocess = model.backbone.preprocess
    lengths = [sound_length(sample, preprocess) for sample in samples]
    order = sorted(range(len(samples)), key=lengths.__getitem__)
    frames: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(samples)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        encoded = [encode_sound(samples[row], preprocess, None) for row in rows]
        inputs = preprocess.collate(encoded)
        batch = Batch(inputs, mask=preprocess.mask(inputs))
        with torch.inference_mode(), evaluating(model):
            logits = model(batch.to(next(model.parameters()).device)).logits
        each = logits.float().log_softmax(-1).cpu().numpy()
        for row, one, kept in zip(rows, each, batch.mask.bool().numpy(), strict=True):
            frames[row] = one[kept]
    return frames


def _inputs_apart(preprocess: SoundPreprocess) -> int:
    """How many samples apart two inputs are: of a spectrum its frames, else one."""
    return getattr(preprocess.extractor, "hop_length", 1)


def _sizes(targets: Tensor) -> Tensor:
    """The characters (B,) of each target (B, N); 1 of an empty one, whose blanks are learned."""
    return (targets > 0).sum(1).clamp(min=1)
