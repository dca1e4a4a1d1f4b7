"""Dropout on processors: of activations, and of the weights of attention, for which PyTorch has no fused kernel there.

What it has otherwise spends most of its time on drawing a random number for each. Measured here, one thread, 16 texts of 252
tokens, 12 heads, bf16: to draw what is dropped takes 74 ms there and 14 here, attention with its gradients 232 and 87.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

DRAWS = 2**16
"""To so many equal steps the probability of dropping is rounded: one random number of 64 bits decides about four values."""


def drop(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """`dropout` of the same arguments; NotImplemented where nothing is dropped, or everything."""
    if not training or not 0 < p < 1 or inplace or input.device.type != "cpu":
        return NotImplemented
    kept, share = _kept(input.shape, p, input.dtype)
    return input * kept.div_(share)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """`scaled_dot_product_attention` of queries (B, H, T, D), keys and values (B, H, S, D), where weights are dropped.

    NotImplemented where none are, and where torch's own is needed: softmax(scale QK' + mask), of which each weight is dropped
    with the probability `dropout_p`, times V; under autocast in its precision, the sums of the softmax in float32. A query that
    may read nothing reads the mean of all, where torch has zeros.
    """
    alike = query.dim() == 4 and query.shape[:2] == key.shape[:2] == value.shape[:2]
    learns = attn_mask is not None and attn_mask.requires_grad
    if not 0 < dropout_p < 1 or not alike or learns or enable_gqa or query.device.type != "cpu":
        return NotImplemented
    if is_causal:
        attn_mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool).tril()
    return _Attention.apply(query, key, value, attn_mask, dropout_p, scale or query.shape[-1] ** -0.5)


class _Attention(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, scale: float) -> Tensor:
        weights = _masked(torch.matmul(query, key.mT).mul_(scale), mask).softmax(-1)
        kept, share = _kept(weights.shape, dropout, weights.dtype)
        ctx.save_for_backward(query, key, value, weights, kept)
        ctx.share, ctx.scale = share, scale
        return torch.matmul(weights * kept, value).div_(share)

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights, kept = ctx.saved_tensors
        gradient = gradient / ctx.share
        by_value = torch.matmul((weights * kept).mT, gradient)
        by_weights = torch.matmul(gradient, value.mT).mul_(kept)
        by_scores = torch.ops.aten._softmax_backward_data(by_weights, weights, -1, weights.dtype)
        by_query = torch.matmul(by_scores, key).mul_(ctx.scale)
        by_key = torch.matmul(by_scores.mT, query).mul_(ctx.scale)
        return by_query, by_key, by_value, None, None, None


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """The scores, least where a mask is false, or with what it adds to them; in place."""
    if mask is None:
        return scores
    least = torch.finfo(scores.dtype).min  # finite, so that a row that is masked whole has a softmax
    if mask.dtype == torch.bool:
        return scores.add_(torch.zeros(mask.shape, dtype=scores.dtype).masked_fill_(~mask, least))
    return scores.add_(mask.clamp(min=least))


def _kept(shape: Sequence[int], dropout: float, dtype: torch.dtype) -> tuple[Tensor, float]:
    """1 for what is kept and 0 for what is dropped, and the share of it that is to be expected to be kept.

    As numbers, since a product with them is several times as quick as one with booleans.
    """
    dropped = min(round(dropout * DRAWS), DRAWS - 1)
    count = math.prod(shape)
    drawn = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count].view(shape)
    return torch.ge(drawn, dropped - DRAWS // 2, out=torch.empty(shape, dtype=dtype)), 1 - dropped / DRAWS
