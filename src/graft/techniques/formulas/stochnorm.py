"""StochNorm: channels are normalized by moving statistics or by those of the batch."""

from __future__ import annotations

import torch
from torch import Tensor


def choose_channels(by_batch: Tensor, by_moving: Tensor, probability: float) -> Tensor:
    """Return activations (N, C, ...) of which each channel is that of one of two normalizations.

    Formula: z_c = s_c by_moving_c + (1 - s_c) by_batch_c, s_c 1 with the probability, else 0.
    Source: Kou et al.: Stochastic Normalization, NeurIPS 2020.
    """
    shape = [1, by_batch.shape[1], *[1] * (by_batch.dim() - 2)]
    is_moving = (torch.rand(shape[1]) < probability).view(shape).to(by_batch.device)
    return torch.where(is_moving, by_moving, by_batch)
