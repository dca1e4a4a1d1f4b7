"""Entropy minimization, by which a network adapts at test time."""

from __future__ import annotations

from torch import Tensor

from graft.metrics.unlabeled.entropy import mean_entropy
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def entropy_loss(logits: Tensor) -> Tensor:
    """Return the mean entropy of target predictions with logits (N, C), a scalar.

    Formula: mean over examples of -sum over classes of p log p, p = softmax(logits).
    Source: Wang et al.: Tent, Fully Test-Time Adaptation by Entropy Minimization,
    arXiv:2006.10726.
    """
    return mean_entropy(logits)
