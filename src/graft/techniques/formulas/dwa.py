"""Weights of tasks by how quickly their losses fall, arXiv:1803.10704, equation 7."""

from __future__ import annotations

import torch
from torch import Tensor


def average_weights(last: Tensor, before: Tensor, temperature: float) -> Tensor:
    """Return weights (K,) with sum K: softmax of the ratios of the last two losses (K,)."""
    ratios = last / before.clamp(min=torch.finfo(before.dtype).tiny)
    return len(ratios) * torch.softmax(ratios / temperature, dim=0)
