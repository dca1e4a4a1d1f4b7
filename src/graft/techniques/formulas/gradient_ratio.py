"""Relative gradient norms: how much the loss wants weights to change, for their size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gradient_ratios(
    gradients: Sequence[Tensor | None], weights: Sequence[Tensor], groups: Sequence[int], count: int
) -> Tensor:
    """Return ||gradient|| / ||weights|| of each of `count` groups (G), 0 of one without weights.

    `groups` has the group of each weight. Weights without a gradient count as well.
    Source: Lee et al.: Surgical Fine-Tuning, arXiv:2210.11466 (RGN).
    """
    squares = torch.zeros(2, count, dtype=torch.float64)
    for gradient, weight, group in zip(gradients, weights, groups, strict=True):
        for row, tensor in enumerate((gradient, weight)):
            if tensor is not None:
                squares[row, group] += tensor.detach().float().square().sum().cpu()
    upper, lower = squares.sqrt()
    return torch.where(lower > 0, upper / lower.clamp(min=1e-300), 0.0)
