"""Text generation: the next token of a text, again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.backbones.preprocess.preprocess import Preprocess, right_padded
from graft.base.errors import DataError
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data
from graft.data.kinds.completions import prompt_text
from graft.metrics.language import bits_per_byte, perplexity
from graft.tasks.task import Baseline, Metric, Task, Windows, objects
from graft.tasks.text import ngrams, packing
from graft.tasks.text.generation import Decoding, continued
from graft.tasks.text.token_blocks import (
    Prompt,
    blocks,
    first_token,
    of_sample,
    prompt_tokens,
    tokens,
)
from graft.tasks.text.token_loss import (
    IGNORED,
    mean_nats,
    num_targets,
    padded_targets,
    sum_of_sums,
    sums_of_parts,
    sums_of_rows,
)

SHOWN = 4
"""Continuations that a run keeps."""
PROMPT, WRITTEN = 48, 64
"""Tokens of a passage that are continued to show what the network writes, and of what it then writes."""


@dataclass(frozen=True)
class TextGeneration(Task):
    """Continue a text: running text is learnt whole, of prompts with completions the completions, each with its end.

    The network keeps its own head. Bits per byte are comparable across tokenizers, perplexity is not. A text is preceded by
    the token for a beginning, so that all of it is predicted. Texts longer than the network reads at once are predicted in
    blocks that begin with a quarter of the block before; each token counts once. A prompt is never cut. Where no prompt in
    training ends, and no completion begins, with white space, a line break is put between them. Messages are rendered by the
    tokenizer's chat template, and the last one, which is the assistant's, is the completion.
    `packed`: several texts share a sequence of as many tokens as the network reads, none seeing another, so that next to nothing
    is padding; a batch is then of so many sequences. What is said of each text is the same.
    Baseline: bytes by the five before them, with Kneser-Ney smoothing.
    """

    name: ClassVar[str] = "text-generation"
    modality: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"prompt", "completion"})
    or_roles: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"passage"}),)
    target_role: ClassVar[str] = "completion"
    kinds: ClassVar[frozenset[str]] = frozenset({"sequence"})
    fresh_head: ClassVar[bool] = False
    generates: ClassVar[bool] = True
    options: ClassVar[tuple[str, ...]] = ("packed",)
    backbone: ClassVar[str | None] = "wheel:smollm2-135m"
    batch_size: ClassVar[int | None] = 4
    tokens: ClassVar[int | None] = 120_000

    classes: tuple[str, ...] = ()
    separator: str = ""
    """What stands between a prompt and its completion."""
    chat: bool = False
    """Whether prompts are messages."""
    packed: bool = False

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        """Raises DataError where some prompts are texts and others messages."""
        train = [sample.roles for sample in data.splits["train"] if "prompt" in sample.roles]
        kinds = {isinstance(roles["prompt"], str) for roles in train}
        if len(kinds) > 1:
            raise DataError(
                f"Some prompts of {data.path or 'the data'} are texts, others messages. Make all of them the same."
            )
        if kinds != {True}:
            return cls(chat=kinds == {False})
        blank = any(
            roles["prompt"][-1:].isspace() or roles["completion"][:1].isspace() for roles in train
        )
        return cls(separator="" if blank else "\n")

    def attach_head(self, model: Model) -> None:
        """Nothing: the network's own head is what it learnt to predict tokens with."""

    def check(self, backbone: Backbone) -> None:
        if self.packed:
            packing.check(backbone)

    @property
    def inputs(self) -> list[str]:
        return ["ids", "read", "positions"]

    def unlabeled(self, sample: Sample) -> Sample:
        """What is to be continued: the prompt, the messages, or a text."""
        roles = sample.roles
        prompt = next(
            (roles[role] for role in ("prompt", "messages", "passage", "text") if role in roles),
            None,
        )
        if prompt is None:
            raise DataError(
                f"{sample.id} has {', '.join(sorted(roles))}, and {self.name} continues a prompt: --columns prompt=NAME."
            )
        return Sample(sample.id, {"prompt": prompt if isinstance(prompt, str) else tuple(prompt)})

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Blocks of tokens, `ids`; the first `read` of each are not to be predicted in it.

        In packs where that is asked for; but texts of which nothing is to be predicted are read each alone.
        """
        found = Windows.of(samples, lambda sample: self._pieces(sample, preprocess))
        if not self.packed or not all(
            "passage" in s.roles or s.roles.get("completion") is not None for s in samples
        ):
            return found
        return packing.packed(
            found,
            [self.encode(piece, preprocess, None) for piece in found.pieces],
            preprocess.max_length,
        )

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        ids, read = of_sample(sample, self.separator, preprocess)
        found = blocks(ids, read, preprocess.max_length)
        return [Sample(sample.id, {"ids": ids, "read": read}) for ids, read in found]

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return len(piece.roles["ids"])

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """`target` (T,) is the token after each; IGNORED where that is not to be predicted."""
        if "positions" in sample.roles:
            return packing.encoded(sample)
        piece = sample if "ids" in sample.roles else self._pieces(sample, preprocess)[0]
        ids, read = torch.from_numpy(piece.roles["ids"]), piece.roles["read"]
        if "prompt" in sample.roles and sample.roles.get("completion") is None:
            return {"input_ids": ids}
        target = ids[1:].clone()
        target[: read - 1] = IGNORED
        if not len(target):  # an empty passage: its beginning is read and nothing predicted
            return {"input_ids": ids, "target": torch.full_like(ids, IGNORED)}
        return {"input_ids": ids[:-1], "target": target}

    def collate(self, encoded: list[dict[str, Tensor]], preprocess: Preprocess) -> Batch:
        """Padded on the right, where no token that counts reads it: no mask is needed, and attention is quicker without one."""
        if "position_ids" in encoded[0]:
            return packing.collated(encoded, preprocess.tokenizer.pad_token_id)
        ids, mask = right_padded(
            [e["input_ids"] for e in encoded], preprocess.tokenizer.pad_token_id
        )
        target = padded_targets([e["target"] for e in encoded]) if "target" in encoded[0] else None
        return Batch({"input_ids": ids}, target, mask=mask)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the tokens that are to be predicted, in nats."""
        return mean_nats(output.logits, batch.target)

    def loss_weight(self, batch: Batch) -> Tensor:
        """One for each token that is to be predicted."""
        return num_targets(batch.target)

    def rows(self, output: Output, batch: Batch) -> list[Any]:
        """Of each piece the nats of its predicted tokens, and their number; of a pack a list of these."""
        if "position_ids" not in batch.inputs:
            return sums_of_rows(output.logits, batch.target)
        each = zip(output.logits, batch.target, packing.lengths(batch), strict=True)
        return [sums_of_parts(logits, target, lengths) for logits, target, lengths in each]

    def losses(self, output: Output, batch: Batch, rows: Sequence[Any]) -> tuple[float, int]:
        """One a predicted token, as the rows have them."""
        return sum_of_sums(chain.from_iterable(rows) if "position_ids" in batch.inputs else rows)

    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray:
        """For each text nats, tokens and bytes; the bytes are those of the text itself."""
        each = zip(windows.samples, windows.by_sample(rows), strict=True)
        return objects(
            [_score(sample, *np.sum([row for _, row in pieces], axis=0)) for sample, pieces in each]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Zeros (N,): what is true is what is predicted token by token."""
        return np.zeros(len(samples))

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the bits that a byte of the text takes; `confidence`: the mean (geometric) probability of a byte.

        `nats`, `tokens` and `bytes` are those of the whole text. What the network writes itself is told by `generated`.
        """
        found = []
        for score in scores:
            nats, count, size = map(float, score)
            bits = nats / math.log(2) / max(size, 1.0)
            row = {
                "prediction": bits,
                "confidence": 2**-bits,
                "nats": nats,
                "tokens": int(count),
                "bytes": int(size),
            }
            found.append(row)
        return found

    def answer(self, sample: Sample) -> str:
        return _text(sample)

    def right(self, prediction: float, target: str) -> bool:
        """Always: a text is told more or less well, never wrongly."""
        return True

    def say(self, value: float | str) -> str:
        return value if isinstance(value, str) else f"{value:.3f} bits per byte"

    def preview(self, sample: Sample) -> dict[str, str]:
        before = prompt_text(sample.roles["prompt"]) + "\n" if "prompt" in sample.roles else ""
        return {"kind": "text", "value": (before + _text(sample))[:600]}

    @property
    def metrics(self) -> dict[str, Metric]:
        return {metric.name: metric for metric in (bits_per_byte, perplexity)}

    @property
    def baselines(self) -> dict[str, Baseline]:
        return {"byte-n-grams": self._n_grams}

    def _n_grams(self, train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        """Each byte by those before it, prompts read too, and the end of a completion; of tokens it knows none."""
        model = ngrams.learn([self._symbols(sample)[0] for sample in train])
        found = []
        for sample in test:
            symbols, read = self._symbols(sample)
            found.append(_score(sample, model.nats(symbols)[read:].sum(), 0))
        return objects(found)

    def _symbols(self, sample: Sample) -> tuple[np.ndarray, int]:
        """The bytes of a sample, and how many of them are only read."""
        if "passage" in sample.roles:
            return ngrams.symbols(sample.roles["passage"], ends=False), 0
        prompt = prompt_text(sample.roles["prompt"]) + (self.separator or "\n" * self.chat)
        return ngrams.symbols(prompt + sample.roles["completion"], ends=True), len(prompt.encode())

    def generated(self, model: Model, samples: Sequence[Sample], decoding: Decoding) -> list[str]:
        """What the network writes after the prompt of each sample. Raises BadValue."""
        return continued(
            model, [self._prompt(sample.roles["prompt"], model) for sample in samples], decoding
        )

    def _prompt(self, prompt: Prompt, model: Model) -> list[int]:
        if self.chat and isinstance(prompt, str):
            prompt = ({"role": "user", "content": prompt},)
        return prompt_tokens(prompt, self.separator, model.backbone.preprocess.tokenizer)

    def samples(self, model: Model, samples: Sequence[Sample]) -> list[dict[str, str]]:
        """A few texts continued: completions by the likeliest tokens, passages by drawn ones, since the likeliest repeat."""
        chosen = [
            samples[i]
            for i in np.unique(np.linspace(0, len(samples) - 1, SHOWN).round().astype(int))
        ]
        if "passage" in chosen[0].roles:
            return self._continued_passages(model, [sample.roles["passage"] for sample in chosen])
        outputs = self.generated(model, chosen, Decoding(WRITTEN))
        return [
            {
                "prompt": prompt_text(sample.roles["prompt"]),
                "output": output,
                "reference": sample.roles["completion"],
            }
            for sample, output in zip(chosen, outputs, strict=True)
        ]

    def _continued_passages(self, model: Model, texts: Sequence[str]) -> list[dict[str, str]]:
        preprocess = model.backbone.preprocess
        found = [tokens(text, preprocess.tokenizer) for text in texts]
        cuts = [min(PROMPT, len(ids) // 2) for ids in found]
        most = max(1, min(WRITTEN, preprocess.max_length - PROMPT))
        prompts = [
            [*first_token(preprocess.tokenizer), *ids[:cut]]
            for ids, cut in zip(found, cuts, strict=True)
        ]
        outputs = continued(model, prompts, Decoding(most, temperature=0.8, top_p=0.95))
        text = preprocess.tokenizer.decode
        return [
            {"prompt": text(ids[:cut]), "output": output, "reference": text(ids[cut : cut + most])}
            for ids, cut, output in zip(found, cuts, outputs, strict=True)
        ]

    def settings(self) -> dict:
        return {
            "classes": list(self.classes),
            "separator": self.separator,
            "chat": self.chat,
            "packed": self.packed,
        }

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)

        def sample(split: str, number: int) -> Sample:
            """A word, to be said twice; one of six is longer than a tiny network reads at once."""
            word = "".join(rng.choice(list("abcde"), int(rng.integers(2, 6))))
            return Sample(
                f"{split}:{number}",
                {"prompt": f"{word}:", "completion": f"{word}." * (40 if number % 6 == 5 else 2)},
            )

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny words",
        )


def _text(sample: Sample) -> str:
    """What is predicted of a sample."""
    return sample.roles["passage"] if "passage" in sample.roles else sample.roles["completion"]


def _score(sample: Sample, nats: float, count: float) -> tuple[float, float, float]:
    return float(nats), float(count), float(len(_text(sample).encode()))
