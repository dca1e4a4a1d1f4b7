"""Batch spectral shrinkage: directions of the features in which a batch hardly varies."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def spectral_shrinkage(features: Tensor, smallest: int = 1) -> Tensor:
    """Return the sum of the squares of the smallest singular values of features (N, D), a scalar.

    Formula: sum over i = 1 .. k of sigma_(-i)^2, sigma_(-i) the i-th smallest of the min(N, D)
    singular values.
    Source: Chen et al.: Catastrophic Forgetting Meets Negative Transfer, NeurIPS 2019.
    """
    return torch.linalg.svdvals(features)[-smallest:].square().sum()
