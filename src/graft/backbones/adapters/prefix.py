"""Learned keys and values that attention reads before those of its tokens."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from graft.backbones.adapters.layer import AddedLayer


class PrefixedAttention(AddedLayer):
    """Let attention read learned keys and values before those of its tokens.

    The module computes attention by `scaled_dot_product_attention`, once. Of keys (B, G, S, D) it
    then reads (B, G, tokens + S, D). Every query may read the first ones, whatever the mask says of
    the tokens, whose positions stay as they are. A cache of keys holds those of tokens alone.
    """

    def __init__(self, base: nn.Module, tokens: int, heads: int, width: int, value_width: int):
        super().__init__(base)
        like = next(base.parameters())
        made = {"dtype": like.dtype, "device": like.device}
        keys = torch.empty(heads, tokens, width, **made)
        nn.init.normal_(keys, std=0.02)  # Unequal, or all of them would learn the same.
        self.added_keys = nn.Parameter(keys)
        self.added_values = nn.Parameter(torch.zeros(heads, tokens, value_width, **made))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        with _Prepend(self.added_keys, self.added_values):
            return self.base(*args, **kwargs)


class _Prepend(TorchFunctionMode):
    """While this lasts, attention reads these keys and values first."""

    def __init__(self, keys: Tensor, values: Tensor):
        super().__init__()
        self.keys, self.values = keys, values

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is scaled_dot_product_attention:
            return attend_with_prefix(self.keys, self.values, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def attend_with_prefix(
    keys: Tensor,
    values: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **settings: Any,
) -> Tensor:
    """Compute `scaled_dot_product_attention` with `keys` and `values` (G, P, D) before the others.

    The keys (B, H, S, D) may have been repeated for the heads that share them, H = n G.
    """
    count = keys.shape[1]
    if is_causal:  # PyTorch would count the prefix among the tokens.
        size = (query.shape[-2], key.shape[-2])
        attn_mask = torch.ones(size, dtype=torch.bool, device=query.device).tril()
    if attn_mask is not None:
        readable = True if attn_mask.dtype == torch.bool else 0.0
        attn_mask = nn.functional.pad(attn_mask, (count, 0), value=readable)
    key, value = _before(keys, key), _before(values, value)
    return scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, **settings)


def _before(prefix: Tensor, tensor: Tensor) -> Tensor:
    """Put the prefix (G, P, D) before the rows of a tensor (B, H, S, D)."""
    batch, heads = tensor.shape[:2]
    prefix = prefix.repeat_interleave(heads // len(prefix), dim=0).to(tensor.dtype)
    return torch.cat([prefix.expand(batch, -1, -1, -1), tensor], dim=2)
