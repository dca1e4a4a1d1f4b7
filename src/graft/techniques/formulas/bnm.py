"""Batch nuclear-norm maximization: confident and diverse predictions at once."""

from __future__ import annotations

import torch
from torch import Tensor

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def nuclear_norm_loss(logits: Tensor) -> Tensor:
    """Return the negative nuclear norm of a batch of target predictions, per example, a scalar.

    Formula: -|P|_* / N, P = softmax(logits) (N, C), |P|_* the sum of its singular values. The norm
    is at most sqrt(N min(N, C)), which confident predictions of equally frequent classes reach.
    Source: Cui et al.: Towards Discriminability and Diversity, arXiv:2003.12237 (BNM).
    """
    return -torch.linalg.svdvals(logits.softmax(dim=1)).sum() / len(logits)
