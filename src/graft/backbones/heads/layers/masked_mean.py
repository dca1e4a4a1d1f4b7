"""The mean of the token states over all tokens except padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MaskedMean(nn.Module):
    """Hidden states (B, T, D) to their mean (B, D) over unmasked tokens; in float32.

    `take_mask` is a forward pre-hook of the network around it, which knows the attention mask. As a
    bound method it follows a deep copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mask: Tensor | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        mask, self._mask = self._mask, None
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.float()
            weight = hidden.new_ones(hidden.shape[:2]) if mask is None else mask.to(hidden)
            return (hidden * weight[..., None]).sum(1) / weight.sum(1, keepdim=True).clamp(min=1)

    def take_mask(self, network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """Keep the attention mask (B, T) for this forward."""
        self._mask = args[1] if len(args) > 1 else kwargs.get("attention_mask")
