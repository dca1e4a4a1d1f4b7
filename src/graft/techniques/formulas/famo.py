"""Weights of tasks so that all losses fall alike, arXiv:2306.03792, algorithm 1."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-8
"""What a loss is taken for that is smaller: its logarithm would be far from all others."""


def famo_weights(logits: Tensor, losses: Tensor) -> Tensor:
    """Return the weights (K,) of the losses (K,), so that all logarithms fall by what `logits` say.

    z / loss, divided by its sum, with z the softmax; 0 for a loss of 0, of which there is nothing
    in the batch.
    """
    parts = torch.where(losses > 0, logits.softmax(0) / losses.clamp(min=SMALLEST), 0.0)
    return parts / parts.sum().clamp(min=SMALLEST)


def update_logits(
    logits: Tensor, before: Tensor, after: Tensor, rate: float, decay: float
) -> Tensor:
    """Return the logits (K,) after a step by which the losses (K,) went from `before` to `after`.

    A task whose logarithm has fallen more than the mean gets a lower one.
    """
    known = (before > 0) & (after > 0)
    falls = before.clamp(min=SMALLEST).log() - after.clamp(min=SMALLEST).log()
    falls = torch.where(known, falls, 0.0)
    shares = logits.softmax(0)
    slope = shares * (falls - (shares * falls).sum())
    return logits - rate * (slope + decay * logits)
