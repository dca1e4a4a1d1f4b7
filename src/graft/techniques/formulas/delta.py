"""DELTA: how far the feature maps of a network are from those that it began with."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def map_distance(now: Tensor, start: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean relative distance of feature maps (N, ...) from those at the start, a scalar.

    `mask` (N, T) is 0 where a map (N, T, ...) has padding, which does not count.
    Formula: mean over n of ||now_n - start_n||^2 / ||start_n||^2. Without the denominator, which
    lets one weight fit all layers, it is that of the source without attention.
    Source: Li et al.: DELTA, arXiv:1901.09229.
    """
    if mask is not None and now.shape[:2] == mask.shape and now.dim() > 2:
        kept = mask.to(now.dtype).view(*mask.shape, *[1] * (now.dim() - 2))
        now, start = now * kept, start * kept
    squares = (now - start).flatten(1).square().sum(1)
    return (squares / start.flatten(1).square().sum(1).clamp(min=1e-12)).mean()
