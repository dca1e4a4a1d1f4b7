"""Weights between two networks, and means of the weights of several."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def interpolate(start: Tensor, end: Tensor, alpha: float) -> Tensor:
    """Return the weights (1 - alpha) start + alpha end; exactly an end if alpha is 0 or 1.

    Source: Wortsman et al.: Robust fine-tuning of zero-shot models, arXiv:2109.01903 (WiSE-FT).
    """
    return torch.lerp(start, end, alpha)


def mean_weights(weights: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors of one shape.

    Source: Wortsman et al.: Model soups, arXiv:2203.05482.
    """
    return torch.stack(list(weights)).mean(0)


def add_to_mean(mean: Tensor, count: int, weights: Tensor) -> None:
    """Make the mean of `count` tensors that of one more, `weights`, in place.

    Formula: w_mean <- (n w_mean + w) / (n + 1).
    Source: Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization,
    arXiv:1803.05407 (SWA).
    """
    mean.lerp_(weights, 1 / (count + 1))
