"""Minimum class confusion: on the target, no two classes should share a prediction."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.cdan import entropy_weights
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def class_confusion(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """Return the class confusion of target predictions with logits (N, C), a scalar.

    Formula: (sum of C - trace of C) / K over the K classes, C = Y' diag(w) Y with rows of sum 1,
    Y = softmax(logits / temperature), w the entropy weights of Y: the share of the confusion
    matrix outside of its diagonal. From 0 to 1.
    Source: Jin et al.: Minimum Class Confusion, arXiv:1912.03699.
    """
    scaled = logits / temperature
    probabilities = scaled.softmax(dim=1)
    confusion = probabilities.T @ (entropy_weights(scaled)[:, None] * probabilities)
    # A class that no example has at all would be 0 / 0.
    sums = confusion.sum(1, keepdim=True).clamp(min=1e-12)
    return ((confusion / sums).sum() - (confusion / sums).trace()) / logits.shape[1]
