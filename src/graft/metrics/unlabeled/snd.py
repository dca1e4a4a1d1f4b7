"""Soft neighborhood density: do examples with similar predictions form dense clusters?"""

from __future__ import annotations

import torch
from torch import Tensor

from graft.base.errors import DataError
from graft.metrics.unlabeled.entropy import entropies

TOGETHER = 1024
"""Examples whose similarities to all others are in memory at a time."""


@torch.no_grad()
def soft_neighborhood_density(logits: Tensor, temperature: float = 0.05) -> float:
    """Return the density of target predictions with logits (N, C); higher is better.

    Formula: the mean over n of H(softmax over m != n of cos(p_n, p_m) / temperature), p =
    softmax(logits): an example with many near neighbors has a high entropy over them. From 0 to
    log(N - 1), which predictions that are all equal reach, too.
    Source: Saito et al.: Tune it the Right Way, arXiv:2108.10860.
    Raises DataError for fewer than two examples.
    """
    if len(logits) < 2:
        raise DataError(
            f"The density of neighbors needs at least 2 target examples, and got {len(logits)}. "
            "Give more target examples."
        )
    unit = torch.nn.functional.normalize(logits.softmax(dim=1), dim=1)
    positions = torch.arange(len(unit), device=unit.device)
    total = 0.0
    for rows in positions.split(TOGETHER):
        is_other = rows[:, None] != positions
        similarities = (unit[rows] @ unit.T)[is_other].view(len(rows), -1)
        total += float(entropies(similarities / temperature).sum())
    return total / len(unit)
