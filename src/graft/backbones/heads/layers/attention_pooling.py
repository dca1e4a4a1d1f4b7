"""A mean of the token states whose weights are learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.masked_layer import MaskedLayer


class AttentionPooling(MaskedLayer):
    """Hidden states (B, T, D) to sum_t w_t h_t (B, D), w = softmax(q h_t / sqrt(D)); in float32.

    The query q (D) begins as zeros, so that the first outputs are those of the mean.
    """

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.query)

    def forward(self, hidden: Tensor) -> Tensor:
        mask = self.pop_mask()
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            scores = hidden @ self.query / len(self.query) ** 0.5  # (B, T)
            if mask is not None:
                # Not minus infinity: a text of padding alone would become NaN.
                scores = scores.masked_fill(mask == 0, torch.finfo(scores.dtype).min)
            return (hidden * scores.softmax(1)[..., None]).sum(1)
