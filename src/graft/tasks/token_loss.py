"""How well a network foretells tokens, without a float32 copy of all its logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

IGNORED = -100
"""The target where nothing is to be predicted."""
ROWS = 256
"""Tokens whose logits are held in float32 at once: of a vocabulary of 49,152 that takes 50 MB."""


def mean_nats(logits: Tensor, target: Tensor) -> Tensor:
    """The mean cross-entropy of the targets (B, T) that are not IGNORED, in nats; 0 where there is none."""
    found = _nats(logits, target)
    return found.sum() / max(len(found), 1)


def sums_of_rows(logits: Tensor, target: Tensor) -> list[tuple[float, int]]:
    """Of each row of the batch the nats of its targets, and their number."""
    return _sums(_nats(logits, target), (target != IGNORED).sum(1).tolist())


def sums_of_parts(logits: Tensor, target: Tensor, lengths: Sequence[int]) -> list[tuple[float, int]]:
    """Of each part of a row, targets (T,) in parts of these lengths, the nats of its targets, and their number."""
    length = sum(lengths)  # what is behind that is padding
    counts = [int((part != IGNORED).sum()) for part in target[:length].split(list(lengths))]
    return _sums(_nats(logits[:length], target[:length]), counts)


def padded_targets(targets: Sequence[Tensor]) -> Tensor:
    """Targets (T,) of several lengths as one tensor (B, T), IGNORED behind each."""
    return nn.utils.rnn.pad_sequence(list(targets), batch_first=True, padding_value=IGNORED)


def _sums(nats: Tensor, counts: list[int]) -> list[tuple[float, int]]:
    return list(zip([part.double().sum().item() for part in nats.split(counts)], counts, strict=True))


def _nats(logits: Tensor, target: Tensor) -> Tensor:
    """The negative log-likelihood (N,) of each target ([B,] T) that is not IGNORED, in order; float32 for some rows at a time."""
    counted = target != IGNORED
    found = []
    for rows, wanted in zip(logits[counted].split(ROWS), target[counted].split(ROWS), strict=True):
        if logits.requires_grad:  # made again for the gradients, instead of being kept
            found.append(checkpoint(_cross_entropy, rows, wanted, use_reentrant=False))
        else:
            found.append(_cross_entropy(rows, wanted))
    return torch.cat(found)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits.float(), target, reduction="none")
