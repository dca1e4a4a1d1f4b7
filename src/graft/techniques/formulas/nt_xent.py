"""NT-Xent: two views of an example are alike, and views of others are not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.techniques.formulas.batches import check_views
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.5) -> Tensor:
    """Return the normalized temperature-scaled cross-entropy of two views (N, D), a scalar.

    Formula: mean over the 2 N views i of -log(exp(s_ij / t) / sum over k != i of exp(s_ik / t)), j
    the other view of i's example, s the cosine.
    Source: Chen et al.: SimCLR, arXiv:2002.05709, equation 1.
    Raises BadValue for one example, which has no other to be unlike.
    """
    check_views("NT-Xent", first)
    unit = nn.functional.normalize(torch.cat([first, second]), dim=1)
    cosines = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    positions = torch.arange(len(unit), device=unit.device)
    return nn.functional.cross_entropy(cosines, positions.roll(len(first)))
