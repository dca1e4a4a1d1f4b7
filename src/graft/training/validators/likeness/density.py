"""Weights of source samples by their likeness to the target."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.metrics.domains.density_ratio import density_ratios
from graft.training.validators.validator import Seen


def weigh_source(seen: Seen) -> Tensor:
    """Return p_target / p_source (N,) at the source's features, of each half by the other."""
    weights = torch.empty(len(seen.source), dtype=torch.float64)
    halves = [torch.arange(start, len(weights), 2) for start in (0, 1)]
    for half, other in (halves, halves[::-1]):
        weights[half] = density_ratios(seen.source[other], seen.target, seen.source[half])
    return weights
