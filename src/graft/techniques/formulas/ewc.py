"""Elastic weight consolidation: weights stay the nearer to the start the more they mattered."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def squared_gradients(logits: Tensor, label: int, weights: Sequence[Tensor]) -> list[Tensor]:
    """Return the squares of the gradients of log p(label | x) by each of the weights.

    `logits` (1, K) are of one example x. Averaged over examples and labels drawn from p they are
    the diagonal of the Fisher information. A weight that the logits do not depend on has zeros.
    Formula: F_i = E_x E_{y ~ p(y | x)} (d log p(y | x) / d w_i)^2.
    Source: Kirkpatrick et al.: Overcoming catastrophic forgetting in neural networks,
    arXiv:1612.00796; with labels drawn from p, not taken from data: Kunstner et al.,
    arXiv:1905.12558.
    """
    target = torch.tensor([label], device=logits.device)
    loss = nn.functional.cross_entropy(logits.float(), target)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return [
        torch.zeros_like(weight) if gradient is None else gradient.square()
        for weight, gradient in zip(weights, gradients, strict=True)
    ]


def weighted_distance(
    now: Sequence[Tensor], start: Sequence[Tensor], importance: Sequence[Tensor]
) -> Tensor:
    """Return the sum over weights of F_i (w_i - w0_i)^2, a scalar."""
    triples = zip(now, start, importance, strict=True)
    return torch.stack([(f * (w - w0).square()).sum() for w, w0, f in triples]).sum()
