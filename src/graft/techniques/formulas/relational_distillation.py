"""Relational distillation: the distances and angles between the examples of a batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the Huber loss of the distances between features (B, D) and (B, E), a scalar.

    Formula: the mean over pairs of huber(|s_i - s_j| / m_s - |t_i - t_j| / m_t), m the mean
    distance within the batch.
    Source: Park et al.: Relational Knowledge Distillation, arXiv:1904.05068, section 3.2.1.
    """
    ours, theirs = (_relative_distances(part.float()) for part in (student, teacher))
    return nn.functional.smooth_l1_loss(ours, theirs)


def angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the Huber loss of the cosines of the angles in all triplets, a scalar.

    Formula: the mean over i, j, k of huber(cos(s_i s_j s_k) - cos(t_i t_j t_k)), the angles at s_j.
    Source: as `distance_loss`, section 3.2.2.
    """
    ours, theirs = (_cosines(part.float()) for part in (student, teacher))
    return nn.functional.smooth_l1_loss(ours, theirs)


def _relative_distances(features: Tensor) -> Tensor:
    """Distances of the pairs i < j, in units of their mean."""
    rows, columns = torch.triu_indices(len(features), len(features), 1, device=features.device)
    # The gradient of a norm at 0 is infinite; two examples may have equal features.
    squares = (features[rows] - features[columns]).square().sum(1)
    distances = squares.clamp(min=1e-12).sqrt()
    return distances / distances.mean().clamp(min=1e-6)


def _cosines(features: Tensor) -> Tensor:
    """(B, B, B): at [j, i, k] the cosine of the angle at j between i and k; 0 where j is one."""
    arms = features[None] - features[:, None]  # [j, i] from j to i
    unit = nn.functional.normalize(arms, dim=2, eps=1e-6)
    return unit @ unit.transpose(1, 2)
