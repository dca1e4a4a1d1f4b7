"""The mean of the token states over all tokens except padding."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.backbones.heads.layers.masked_layer import MaskedLayer


class MaskedMean(MaskedLayer):
    """Hidden states (B, T, D) to their mean (B, D) over unmasked tokens; in float32."""

    def forward(self, hidden: Tensor) -> Tensor:
        mask = self.pop_mask()
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            weight = hidden.new_ones(hidden.shape[:2]) if mask is None else mask.to(hidden)
            return (hidden * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1)
