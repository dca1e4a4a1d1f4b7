"""A narrow network after a linear layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from graft.backbones.adapters.layer import AddedLayer


class Bottleneck(AddedLayer):
    """Add to the output h (..., D) of a linear layer what a narrow network makes of it.

    Formula: h + W_up gelu(W_down h + b_down) + b_up, with W_up = 0 and b_up = 0 at the start.
    """

    def __init__(self, base: nn.Module, hidden: int):
        super().__init__(base)
        width = base.out_features if isinstance(base, nn.Linear) else base.nf  # GPT-2's Conv1D
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.added_down = nn.Linear(width, hidden, **like)
        self.added_up = nn.Linear(hidden, width, **like)
        nn.init.zeros_(self.added_up.weight)
        nn.init.zeros_(self.added_up.bias)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        output = self.base(*args, **kwargs)
        return output + self.added_up(nn.functional.gelu(self.added_down(output)))
