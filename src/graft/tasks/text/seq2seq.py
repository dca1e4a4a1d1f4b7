"""What translation and summarization share: a text is generated from another one."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.backbones.backbone import Model
from graft.backbones.preprocess.preprocess import TextPreprocess, pad_right
from graft.base.errors import BadValue, DataError
from graft.base.evidence import Shown
from graft.base.job import Form
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.data.data import Data
from graft.metrics.metric import Metric
from graft.tasks.classes.sure import sure_of
from graft.tasks.task import PREVIEW, objects
from graft.tasks.text.generation import Decoding, continue_prompts
from graft.tasks.text.token_blocks import first_token, tokens
from graft.tasks.text.token_loss import (
    IGNORED,
    mean_nats,
    num_targets,
    pad_targets,
    sums_of_rows,
)
from graft.tasks.text.writing import Writing
from graft.tasks.text.written import Written, texts_of

SHOWN = 4
"""Texts that a run shows."""


@dataclass(frozen=True)
class Seq2seq(Writing):
    """A target is written from a source, by an encoder-decoder or by a decoder after a prompt.

    `prompt` is what is read, `{}` standing for the source: by default the source alone, or before a
    decoder alone the source, a blank line and the `instruction`.
    """

    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"source", "target"})
    target_role: ClassVar[str] = "target"
    heads: ClassVar[dict[Form, str]] = {"seq2seq": "own"}
    backbone: ClassVar[str | None] = "wheel:smollm2-135m"
    batch_size: ClassVar[int | None] = 4
    tokens: ClassVar[int | None] = 120_000
    options: ClassVar[tuple[str, ...]] = ("num_beams", "prompt")
    instruction: ClassVar[str]
    """The line between source and target, which tells a lone decoder what to generate."""
    share: ClassVar[float]
    """The part of what a decoder alone reads at once that is left for the target."""

    prompt: str = ""
    """What the network reads in place of the usual words, `{}` in it standing for the source."""

    def __post_init__(self) -> None:
        """Raises BadValue for an impossible number of beams, and a prompt without its `{}`."""
        super().__post_init__()
        if self.prompt and self.prompt.count("{}") != 1:
            raise BadValue(
                f"The 'prompt' of {self.name} has {{}} once, where the source is to stand, "
                f"as in 'translate English to German: {{}}'. Got {self.prompt!r} instead."
            )

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError if no target in training has a word."""
        return cls(longest=max(len(target.encode()) for target in cls.training_targets(data)))

    @property
    def inputs(self) -> list[str]:
        return ["ids", "written"]

    def without_target(self, sample: Sample) -> Sample:
        """The source, or a text."""
        source = sample.roles.get("source", sample.roles.get("text"))
        if not isinstance(source, str):
            has = ", ".join(sorted(sample.roles))
            raise DataError(
                f"{sample.id} has {has}, and {self.name} reads a source: --columns source=NAME."
            )
        return Sample(sample.id, {"source": source})

    def windows(self, samples: Sequence[Sample], preprocess: TextPreprocess) -> Windows:
        """The tokens that are read, `ids`, and those to be `written`.

        These stand for so many `bytes` of the target.
        """
        return Windows(samples, [self._piece(sample, preprocess) for sample in samples])

    def count_cut(self, samples: Sequence[Sample], preprocess: TextPreprocess) -> int:
        """Count the sources or targets that are longer than what is read or generated."""
        return sum(self._piece(sample, preprocess).roles["cut"] for sample in samples)

    def _piece(self, sample: Sample, preprocess: TextPreprocess) -> Sample:
        written, size, short = None, 0, False
        if (target := sample.roles.get("target")) is not None:
            written, size, short = self._encode_text_target(target, preprocess)
        ids, cut = self._read(sample.roles["source"], preprocess)
        return Sample(
            sample.id, {"ids": ids, "written": written, "bytes": size, "cut": cut or short}
        )

    def _read(self, source: str, preprocess: TextPreprocess) -> tuple[NDArray, bool]:
        """Return the tokens to read before the first generated one, and whether the source is cut.

        Raises BadValue for a prompt that leaves no room.
        """
        alone = preprocess.decoder_start is None
        prompt = self.prompt or (f"{{}}\n\n{self.instruction}\n" if alone else "{}")
        room = preprocess.max_length - (self._room(preprocess) if alone else 0)
        ids = self._tokens(prompt.replace("{}", source), preprocess)
        if len(ids) <= room:
            return np.array(ids, dtype=np.int64), False
        encoded = _tokenize(preprocess.tokenizer, text=source, add_special_tokens=False)
        kept = len(encoded["input_ids"])
        while len(ids) > room:  # once, unless tokens go another way where the source now ends
            if kept == 0:
                raise BadValue(
                    f"The prompt of {self.name} takes {len(ids):,} "
                    f"tokens, and {room:,} are read. Shorten it."
                )
            kept = max(kept + room - len(ids), 0)
            ids = self._tokens(
                prompt.replace("{}", _beginning(source, encoded, kept, preprocess.tokenizer)),
                preprocess,
            )
        return np.array(ids, dtype=np.int64), True

    def _tokens(self, text: str, preprocess: TextPreprocess) -> list[int]:
        """All tokens of what is read, with the marks around it."""
        tokenizer = preprocess.tokenizer
        if preprocess.decoder_start is None:
            return [*first_token(tokenizer), *tokens(text, tokenizer)]
        return tokenizer(text, verbose=False)["input_ids"] or preprocess.tokenize(text)["input_ids"]

    def _room(self, preprocess: TextPreprocess) -> int:
        """The tokens of a target that are learned or written at most."""
        alone = preprocess.decoder_start is None
        return int(self.share * preprocess.max_length) if alone else preprocess.max_length

    def _encode_text_target(
        self, target: str, preprocess: TextPreprocess
    ) -> tuple[NDArray, int, bool]:
        """Return the tokens of a target with its end, their bytes, and whether it was cut."""
        tokenizer, most, alone = (
            preprocess.tokenizer,
            self._room(preprocess),
            preprocess.decoder_start is None,
        )
        encoded = _tokenize(tokenizer, text_target=target, add_special_tokens=not alone)
        ids = encoded["input_ids"]
        if alone and tokenizer.eos_token_id is not None:
            ids = [*ids, tokenizer.eos_token_id]
        if len(ids) <= most:
            return np.array(ids, dtype=np.int64), len(target.encode()), False
        return (
            np.array(ids[:most], dtype=np.int64),
            len(_beginning(target, encoded, most, tokenizer).encode()),
            True,
        )

    def length(self, piece: Sample, preprocess: TextPreprocess) -> int:
        return len(piece.roles["ids"]) + len(piece.roles["written"])

    def encode(
        self, sample: Sample, preprocess: TextPreprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """`target` (T,) is the token that each of the decoder's is to be followed by.

        IGNORED where it only reads.
        """
        piece = sample if "ids" in sample.roles else self._piece(sample, preprocess)
        ids, written = torch.from_numpy(piece.roles["ids"]), piece.roles["written"]
        target = None if written is None else torch.from_numpy(written)
        if preprocess.decoder_start is not None:
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            if target is None:
                return {**inputs, "decoder_input_ids": torch.tensor([preprocess.decoder_start])}
            return {**inputs, "decoder_input_ids": preprocess.shift_right(target), "target": target}
        if target is None:
            return {"input_ids": ids}
        only_read = torch.full((len(ids) - 1,), IGNORED)
        return {
            "input_ids": torch.cat([ids, target[:-1]]),
            "target": torch.cat([only_read, target]),
        }

    def collate(self, encoded: list[dict[str, Tensor]], preprocess: TextPreprocess) -> Batch:
        """Pad on the right for a decoder without an encoder, where no target reads the padding.

        It needs no mask then.
        """
        targets = targets_of(encoded)
        target = pad_targets(targets) if targets else None
        if preprocess.decoder_start is not None:
            inputs = preprocess.collate(
                [{k: v for k, v in e.items() if k != "target"} for e in encoded]
            )
            return Batch(inputs, target, mask=preprocess.mask(inputs))
        ids, mask = pad_right([e["input_ids"] for e in encoded], preprocess.tokenizer.pad_token_id)
        return Batch({"input_ids": ids}, target, mask=mask)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the targets' tokens, in nats."""
        return mean_nats(output.logits, batch.target)

    def loss_weight(self, batch: Batch) -> Tensor:
        """One for each token that is written."""
        return num_targets(batch.target)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        """Return the nats of the target tokens of each sample, and their number."""
        if batch.target is None:
            return [(math.nan, 0)] * len(batch)
        return sums_of_rows(output.logits, batch.target)

    def scores(self, rows: Sequence[tuple[float, int]], windows: Windows) -> np.ndarray:
        """Return the score of each sample before its text is generated, see `Written`."""
        pieces = zip(windows.pieces, rows, strict=True)
        return objects(
            [Written(None, nats, count, piece.roles["bytes"]) for piece, (nats, count) in pieces]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Return a tuple of the references of each sample: the target, and further ones."""
        return objects(
            [(sample.roles["target"], *sample.roles.get("references", ())) for sample in samples]
        )

    def generate(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """Generate a text for each source, no longer than a target may be in training.

        Raises BadValue.
        """
        preprocess = model.backbone.preprocess
        most = min(decoding.max_new_tokens, self._room(preprocess))
        read = [self._read(sample.roles["source"], preprocess)[0].tolist() for sample in samples]
        return [
            text.strip()
            for text in continue_prompts(model, read, replace(decoding, max_new_tokens=most))
        ]

    def is_right(self, prediction: str, target: str) -> bool:
        """Always: a text is more or less like its references, never wrong."""
        return True

    def samples(self, model: Model, samples: Sequence[Sample]) -> list[dict[str, str]]:
        """A few texts with what is written from them."""
        chosen = [
            samples[i]
            for i in np.unique(np.linspace(0, len(samples) - 1, SHOWN).round().astype(int))
        ]
        outputs = self.generate(model, chosen, self.decoding)
        return [
            {
                "prompt": sample.roles["source"],
                "output": output,
                "reference": sample.roles["target"],
            }
            for sample, output in zip(chosen, outputs, strict=True)
        ]

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("text", sample.roles["source"][:PREVIEW])

    def right_output(self, batch: Batch) -> Output:
        return sure_of(batch.target, int(batch.target.max()) + 1)

    @property
    @abstractmethod
    def of_texts(self) -> tuple[Metric, ...]:
        """The metrics of written texts and their references, the primary one first."""

    @property
    def metrics(self) -> dict[str, Metric]:
        return {metric.name: metric.with_reader(texts_of) for metric in self.of_texts}


def _tokenize(tokenizer: Any, **asked: Any) -> Any:
    """Tokenize a text, with the characters of each token if the tokenizer knows them."""
    return tokenizer(**asked, return_offsets_mapping=tokenizer.is_fast, verbose=False)


def _beginning(text: str, encoded: Any, count: int, tokenizer: Any) -> str:
    """Return the text of its first `count` tokens."""
    if tokenizer.is_fast:
        return text[: max((end for _, end in encoded["offset_mapping"][:count]), default=0)]
    return tokenizer.decode(encoded["input_ids"][:count], skip_special_tokens=True)
