"""The loss of predicted tokens, without a float32 copy of all logits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

IGNORED = -100
"""The target where nothing is to be predicted."""
ROWS = 64
"""Tokens whose logits are held in float32 at once: of a vocabulary of 49,152 that takes 13 MB."""


def mean_nats(logits: Tensor, target: Tensor) -> Tensor:
    """The mean cross-entropy of the targets (B, T) that are not IGNORED, in nats.

    0 where there is none.
    """
    nats = _nats(logits, target)
    return nats.sum() / max(len(nats), 1)


def num_targets(target: Tensor) -> Tensor:
    """The number of targets (B, T) that are not IGNORED, a scalar; 1 if there is none."""
    return (target != IGNORED).sum().clamp(min=1)


def sums_of_rows(logits: Tensor, target: Tensor) -> list[tuple[float, int]]:
    """Return the nats of the targets of each row of the batch, and their number."""
    return sums_of(_nats(logits, target), (target != IGNORED).sum(1).tolist())


def sums_of_parts(
    logits: Tensor, target: Tensor, lengths: Sequence[int]
) -> list[tuple[float, int]]:
    """The nats and the number of the targets of each part of a row (T,) in these lengths."""
    length = sum(lengths)  # what is behind that is padding
    counts = [int((part != IGNORED).sum()) for part in target[:length].split(list(lengths))]
    return sums_of(_nats(logits[:length], target[:length]), counts)


def sum_of_sums(rows: Iterable[tuple[float, int]]) -> tuple[float, int]:
    """Sum the nats and the numbers of targets of all rows."""
    nats, counts = zip(*rows, strict=True)
    return sum(nats), sum(counts)


def pad_targets(targets: Sequence[Tensor]) -> Tensor:
    """Pad targets (T,) of several lengths with IGNORED to one tensor (B, T)."""
    return nn.utils.rnn.pad_sequence(list(targets), batch_first=True, padding_value=IGNORED)


def sums_of(nats: Tensor, counts: list[int]) -> list[tuple[float, int]]:
    """Sum nats (N,) in parts of these `counts`; return each sum with its count."""
    parts = nats.cpu().double().split(counts)  # MPS has no float64
    return list(zip([part.sum().item() for part in parts], counts, strict=True))


def _nats(logits: Tensor, target: Tensor) -> Tensor:
    """The negative log-likelihood (N,) of each target ([B,] T) that is not IGNORED, in order."""
    counted = target != IGNORED
    places = counted.flatten().nonzero().squeeze(1)
    return _CrossEntropy.apply(logits.flatten(0, -2), target[counted], places)


class _CrossEntropy(torch.autograd.Function):
    """log(sum(exp(x))) - x[target] of some rows of logits (N, V).

    Its gradient is softmax(x), less 1 at the target. The softmax is made again for the gradient, so
    that nothing as large as the logits is kept beside them.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, places: Tensor) -> Tensor:
        nats, sums = [], []
        for rows, wanted in zip(places.split(ROWS), target.split(ROWS), strict=True):
            scores = logits[rows].float()
            nats.append(nn.functional.cross_entropy(scores, wanted, reduction="none"))
            sums.append(nats[-1][:, None] + scores.gather(1, wanted[:, None]))
        ctx.save_for_backward(logits, target, places, torch.cat(sums))
        return torch.cat(nats)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        logits, target, places, sums = ctx.saved_tensors
        by_logits = torch.zeros_like(logits)
        parts = (tensor.split(ROWS) for tensor in (places, target, sums, gradient[:, None]))
        for rows, wanted, total, factor in zip(*parts, strict=True):
            shares = logits[rows].float().sub_(total).exp_()
            shares.scatter_add_(1, wanted[:, None], torch.full_like(total, -1.0))
            by_logits[rows] = shares.mul_(factor).to(by_logits.dtype)
        return by_logits, None, None
