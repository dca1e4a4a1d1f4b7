"""Learned tokens that blocks read beside their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.adapters.layer import AddedLayer


class PromptedBlock(AddedLayer):
    """Let a block read learned tokens after its own ones, and take the last `removed` away again.

    A block (B, T, D) -> (B, T, D) with `appended` tokens gives (B, T + appended - removed, D).
    """

    def __init__(self, base: nn.Module, appended: int, removed: int, width: int):
        super().__init__(base)
        self.appended, self.removed = appended, removed
        if appended:
            like = next(base.parameters())
            tokens = torch.empty(appended, width, dtype=like.dtype, device=like.device)
            nn.init.trunc_normal_(tokens, std=0.02)  # as position embeddings have it
            self.added_tokens = nn.Parameter(tokens)

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.appended:
            tokens = self.added_tokens.to(hidden.dtype).expand(len(hidden), -1, -1)
            hidden = torch.cat([hidden, tokens], dim=1)
        output = self.base(hidden, *args, **kwargs)
        return output[:, : output.shape[1] - self.removed]
