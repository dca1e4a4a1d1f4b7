"""The pretext task of masked language models: which tokens stood where a text was masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graft.backbones.backbone import Call, call, run_with_hooks
from graft.backbones.preprocess.preprocess import TextPreprocess
from graft.base.records import Batch, Output, Sample, Windows
from graft.metrics.language import perplexity
from graft.metrics.metric import Metric
from graft.tasks.task import Task, objects
from graft.tasks.text.token_loss import IGNORED, num_targets, sum_of_sums, sums_of

MASKED, RANDOM = 0.8, 0.1
"""The shares of the chosen tokens that become the mask, and any token; the rest stays as it is."""


@dataclass(frozen=True)
class MaskedTokens:
    """Predict some tokens of each `passage` from the others: a `Pretext`, no task of the user's.

    Of n tokens that are not special, max(1, round(probability n)) are chosen: 80 % of them are
    masked, 10 % replaced by any token that is not special, 10 % left. Long texts are cut into
    pieces without overlap, so that all of a text is read. Source: Devlin et al.: BERT,
    arXiv:1810.04805; new masks each epoch: Liu et al.: RoBERTa, arXiv:1907.11692.
    """

    augments: ClassVar[bool] = True
    batch_size: ClassVar[int | None] = None
    budget: ClassVar[tuple[int, int]] = Task.budget
    tokens: ClassVar[int | None] = None
    patience: ClassVar[int | None] = None
    best_by: ClassVar[Literal["loss", "metric"]] = "loss"

    probability: float = 0.15

    @property
    def inputs(self) -> list[str]:
        return ["ids", "special"]

    def windows(self, samples: Sequence[Sample], preprocess: TextPreprocess) -> Windows:
        """Pieces of tokens, `ids` (T,), and which of them are `special` (T,)."""
        return Windows.of(samples, lambda sample: self._pieces(sample, preprocess))

    def _pieces(self, sample: Sample, preprocess: TextPreprocess) -> list[Sample]:
        encoded = preprocess.tokenizer(
            sample.roles["passage"],
            truncation=True,
            max_length=preprocess.max_length,
            return_overflowing_tokens=True,
            return_special_tokens_mask=True,
        )
        pairs = zip(encoded["input_ids"], encoded["special_tokens_mask"], strict=True)
        return [
            Sample(sample.id, {"ids": np.array(ids), "special": np.array(marks, bool)})
            for ids, marks in pairs
        ]

    def companions(self, preprocess: TextPreprocess) -> int:
        return 0

    def length(self, piece: Sample, preprocess: TextPreprocess) -> int:
        return len(piece.roles["ids"])

    def encode(
        self, sample: Sample, preprocess: TextPreprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        """`target` (T,) is the token that stood there where one was chosen, else IGNORED.

        Without `rng` a text is always masked in the same way, which its own tokens decide.
        """
        ids, special = sample.roles["ids"], sample.roles["special"]
        rng = rng or np.random.default_rng(ids)
        read, target = mask_tokens(ids, special, preprocess.tokenizer, self.probability, rng)
        tensors = {"input_ids": torch.from_numpy(read), "target": torch.from_numpy(target)}
        if "token_type_ids" in preprocess.tokenizer.model_input_names:
            tensors["token_type_ids"] = torch.zeros_like(tensors["input_ids"])
        return tensors

    def collate(self, encoded: list[dict[str, Tensor]], preprocess: TextPreprocess) -> Batch:
        side = preprocess.tokenizer.padding_side

        def pad(key: str, value: int) -> Tensor:
            rows = [e[key] for e in encoded]
            return nn.utils.rnn.pad_sequence(
                rows, batch_first=True, padding_value=value, padding_side=side
            )

        values = {"input_ids": preprocess.tokenizer.pad_token_id, "token_type_ids": 0}
        inputs = {key: pad(key, value) for key, value in values.items() if key in encoded[0]}
        ones = [torch.ones_like(e["input_ids"]) for e in encoded]
        mask = nn.utils.rnn.pad_sequence(ones, batch_first=True, padding_side=side)
        inputs["attention_mask"] = mask
        return Batch(inputs, pad("target", IGNORED), mask=mask)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean cross-entropy of the chosen tokens in nats, which `output.raw` (B, T) holds."""
        nats = output.raw[batch.target != IGNORED]
        return nats.sum() / max(len(nats), 1)

    def loss_weight(self, batch: Batch) -> Tensor:
        """One for each token that is chosen."""
        return num_targets(batch.target)

    def rows(self, output: Output, batch: Batch) -> list[tuple[float, int]]:
        """Return the nats of the chosen tokens of each piece, and their number."""
        chosen = batch.target != IGNORED
        return sums_of(output.raw[chosen], chosen.sum(1).tolist())

    def losses(
        self, output: Output, batch: Batch, rows: Sequence[tuple[float, int]]
    ) -> tuple[float, int]:
        """One a chosen token, as the rows have them."""
        return sum_of_sums(rows)

    def scores(self, rows: Sequence[tuple[float, int]], windows: Windows) -> np.ndarray:
        """Return the nats of the chosen tokens of each text, their number, and no bytes.

        The chosen tokens do not stand for all of the text.
        """
        return objects(
            [
                (*np.sum([row for _, row in pieces], axis=0), 0.0)
                for pieces in windows.by_sample(rows)
            ]
        )

    def targets(self, samples: Sequence[Sample]) -> np.ndarray:
        """Zeros (N,): the scores say it all."""
        return np.zeros(len(samples))

    @property
    def watched(self) -> dict[str, Metric]:
        return {perplexity.name: perplexity}


def mask_tokens(
    ids: NDArray, special: NDArray, tokenizer: Any, probability: float, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Return the tokens to read in place of `ids` (T,), and the targets (T,).

    The targets are IGNORED except for the chosen tokens.
    Tokens that are `special` (T,) are neither chosen nor put in place of others.
    """
    read, target = ids.copy(), np.full_like(ids, IGNORED)
    free = np.flatnonzero(~special)
    if not len(free):  # an empty text
        return read, target
    chosen = rng.permutation(free)[: max(1, round(probability * len(free)))]
    target[chosen] = ids[chosen]
    fate = rng.random(len(chosen))
    read[chosen[fate < MASKED]] = tokenizer.mask_token_id
    replaced = chosen[(fate >= MASKED) & (fate < MASKED + RANDOM)]
    ordinary = np.setdiff1d(np.arange(len(tokenizer)), tokenizer.all_special_ids)
    read[replaced] = rng.choice(ordinary, len(replaced))
    return read, target


def chosen_nats(head: str) -> Call:
    """Make the call of a network that runs its output layer, which begins at `head`, on few tokens.

    It returns the negative log-likelihood (B, T) of each chosen token, in float32, and 0 for all
    others. The output layer is as wide as the vocabulary: on all tokens it would cost more than the
    rest of a small network.
    """

    def run(network: nn.Module, batch: Batch) -> tuple[Tensor, None]:
        chosen = batch.target != IGNORED

        def choose(module: nn.Module, args: tuple) -> tuple:
            return (args[0][chosen][None], *args[1:])

        hook = network.get_submodule(head).register_forward_pre_hook(choose)
        logits, _ = run_with_hooks(lambda: call(network, batch), [hook])
        nats = torch.zeros(chosen.shape, device=logits.device)
        nats[chosen] = nn.functional.cross_entropy(
            logits[0].float(), batch.target[chosen], reduction="none"
        )
        return nats, None

    return run
