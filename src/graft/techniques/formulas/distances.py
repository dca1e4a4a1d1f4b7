"""Squared distances between the rows of two matrices."""

from __future__ import annotations

import torch
from torch import Tensor


def squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Return |x - y|^2 for each pair of rows of (N, D) and (M, D): (N, M), never negative."""
    # |x|^2 + |y|^2 - 2 x y cancels where features are far from 0, so their common mean is removed.
    center = torch.cat([first, second]).detach().mean(0)
    first, second = first - center, second - center
    squares = first.square().sum(1)[:, None] + second.square().sum(1)
    return (squares - 2 * first @ second.T).clamp(min=0)
