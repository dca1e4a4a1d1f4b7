"""Exchange weights with their averages in place, so that a network needs no second copy."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def swap(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Exchange the values of both tensors of each pair."""
    for weight, average in pairs:
        kept = weight.clone()
        weight.copy_(average)
        average.copy_(kept)
