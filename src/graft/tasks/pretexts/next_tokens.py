"""The next token of a text: what causal networks were pretrained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import Preprocess, pad_right
from graft.base.records import Batch, Output, Sample, Windows, targets_of
from graft.metrics.language import bits_per_byte, perplexity
from graft.metrics.metric import Metric
from graft.tasks.task import Task, objects
from graft.tasks.text import packing
from graft.tasks.text.token_blocks import blocks, split_tokens
from graft.tasks.text.token_loss import (
    IGNORED,
    mean_nats,
    num_targets,
    pad_targets,
    sum_of_sums,
    sums_of_parts,
    sums_of_rows,
)


@dataclass(frozen=True)
class NextTokens:
    """Predict each token of a `passage`, or of a `completion` after its `prompt`: a `Pretext`.

    Texts longer than the network reads at once are predicted in blocks that begin with a quarter of
    the block before; each token counts once. `packed`: several texts share a sequence of as many
    tokens as the network reads, none seeing another; a batch is then of so many sequences.
    """

    augments: ClassVar[bool] = False
    batch_size: ClassVar[int | None] = 4
    budget: ClassVar[tuple[int, int]] = Task.budget
    tokens: ClassVar[int | None] = 120_000
    patience: ClassVar[int | None] = None
    best_by: ClassVar[Literal["loss", "metric"]] = "loss"

    separator: str = ""
    """The text between a prompt and its completion."""
    packed: bool = False
    """Whether several texts share a sequence of as many tokens as the network reads, none seeing
    another, so that next to nothing is padding; a batch is then of so many sequences. What is said
    of each text is the same."""

    def check(self, backbone: Backbone) -> None:
        if self.packed:
            packing.check(backbone)

    @property
    def inputs(self) -> list[str]:
        return ["ids", "read", "positions"]

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Blocks of tokens, `ids`; the first `read` of each are not to be predicted in it.

        In packs if that is asked for; but texts of which nothing is to be predicted are read each
        alone.
        """
        windows = Windows.of(samples, lambda sample: self._pieces(sample, preprocess))
        if not self.packed or not all(
            "passage" in s.roles or s.roles.get("completion") is not None for s in samples
        ):
            return windows
        return packing.pack_windows(
            windows,
            [self.encode(piece, preprocess, None) for piece in windows.pieces],
            preprocess.max_length,
        )

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        ids, read = split_tokens(sample, self.separator, preprocess)
        pieces = blocks(ids, read, preprocess.max_length)
        return [Sample(sample.id, {"ids": ids, "read": read}) for ids, read in pieces]

    def companions(self, preprocess: Preprocess) -> int:
        return 0

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return len(piece.roles["ids"])

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """`target` (T,) is the token after each; IGNORED where that is not to be predicted."""
        if "positions" in sample.roles:
            return packing.encode_pack(sample)
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
        """Padded on the right, where no token that counts reads it.

        So no mask is needed, and attention is quicker without one.
        """
        if "position_ids" in encoded[0]:
            return packing.collate_packs(encoded, preprocess.tokenizer.pad_token_id)
        ids, mask = pad_right([e["input_ids"] for e in encoded], preprocess.tokenizer.pad_token_id)
        targets = targets_of(encoded)
        target = pad_targets(targets) if targets else None
        return Batch({"input_ids": ids}, target, mask=mask)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the tokens that are to be predicted, in nats."""
        return mean_nats(output.logits, batch.target)

    def loss_weight(self, batch: Batch) -> Tensor:
        """One for each token that is to be predicted."""
        return num_targets(batch.target)

    def rows(self, output: Output, batch: Batch) -> list[Any]:
        """Return the nats and the number of the predicted tokens of each piece.

        Of a pack a list of these.
        """
        if "position_ids" not in batch.inputs:
            return sums_of_rows(output.logits, batch.target)
        each = zip(output.logits, batch.target, packing.lengths(batch), strict=True)
        return [sums_of_parts(logits, target, lengths) for logits, target, lengths in each]

    def losses(self, output: Output, batch: Batch, rows: Sequence[Any]) -> tuple[float, int]:
        """One a predicted token, as the rows have them."""
        return sum_of_sums(chain.from_iterable(rows) if "position_ids" in batch.inputs else rows)

    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray:
        """Return the nats, tokens and bytes of each text; the bytes are those of the text."""
        each = zip(windows.samples, windows.by_sample(rows), strict=True)
        return objects(
            [
                text_score(sample, *np.sum([row for _, row in pieces], axis=0))
                for sample, pieces in each
            ]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Zeros (N,): what is true is what is predicted token by token."""
        return np.zeros(len(samples))

    @property
    def watched(self) -> dict[str, Metric]:
        return {metric.name: metric for metric in (bits_per_byte, perplexity)}


def predicted_text(sample: Sample) -> str:
    """The part of a sample that is predicted."""
    return sample.roles["passage"] if "passage" in sample.roles else sample.roles["completion"]


def text_score(sample: Sample, nats: float, count: float) -> tuple[float, float, float]:
    """The nats of a sample, its predicted tokens, and the bytes of what is predicted of it."""
    return float(nats), float(count), float(len(predicted_text(sample).encode()))
