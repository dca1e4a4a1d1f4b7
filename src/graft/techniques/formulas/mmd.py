"""Maximum mean discrepancy: how far apart two domains are under Gaussian kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graft.techniques.formulas.batches import check_pair
from graft.techniques.formulas.distances import squared_distances
from graft.techniques.formulas.precision import in_full_precision

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The bandwidths of the kernels, as multiples of the median squared distance."""


@in_full_precision
def mmd(
    source: Tensor, target: Tensor, bandwidths: Tensor | None = None, unbiased: bool = True
) -> Tensor:
    """Return the squared multi-kernel MMD of features (N, D) and (M, D), a scalar.

    Formula: mean k(s, s') + mean k(t, t') - 2 mean k(s, t), with k(x, y) the mean over bandwidths
    b of exp(-|x - y|^2 / b). Unbiased, the first two means leave out pairs of an example with
    itself, and the estimate may be below 0; biased, it is never negative.
    `bandwidths` (K,) are `median_bandwidths` if not given.
    Source: Long et al.: Deep Adaptation Networks, arXiv:1502.02791, with equal weights of the
    kernels; Gretton et al., JMLR 13, 2012, equations 3 and 5.
    Raises BadValue for fewer than two examples of a domain.
    """
    check_pair("MMD", source, target)
    if bandwidths is None:
        bandwidths = median_bandwidths(source, target)
    within = [_mean_kernel(domain, domain, bandwidths, unbiased) for domain in (source, target)]
    return sum(within) - 2 * _mean_kernel(source, target, bandwidths, False)


@in_full_precision
def median_bandwidths(source: Tensor, target: Tensor, factors: Sequence[float] = FACTORS) -> Tensor:
    """Return the median squared distance of all pairs of examples times the factors: (K,).

    Where more than half of the pairs are equal it is the mean squared distance, and 1 where all
    are. No gradient flows.
    """
    together = torch.cat([source, target]).detach()
    rows, columns = torch.triu_indices(len(together), len(together), 1, device=together.device)
    squares = squared_distances(together, together)[rows, columns]
    scale = squares.median()
    for other in (squares.mean(), torch.ones_like(scale)):
        scale = torch.where(scale > 0, scale, other)
    return scale * torch.tensor(factors).to(scale)


def _mean_kernel(first: Tensor, second: Tensor, bandwidths: Tensor, leave_out_self: bool) -> Tensor:
    squares = squared_distances(first, second)
    kernel = torch.exp(-squares[..., None] / bandwidths).mean(-1)
    if not leave_out_self:
        return kernel.mean()
    return (kernel.sum() - kernel.diagonal().sum()) / (len(first) * (len(first) - 1))
