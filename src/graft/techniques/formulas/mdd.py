"""Margin disparity discrepancy: a second classifier that disagrees on the target alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def margin_disparity(
    source_logits: Tensor,
    source_adversary: Tensor,
    target_logits: Tensor,
    target_adversary: Tensor,
    margin: float = 4.0,
) -> Tensor:
    """Return what the adversary minimizes, a scalar; the features before it maximize it.

    All are logits (N, C): of the classifier f and of the adversary f', whose features went through
    `reverse_gradient`. h is the class that f predicts, and gets no gradient.
    Formula: -margin mean_s log p'_h - mean_t log(1 - p'_h), p' = softmax(f'): the adversary agrees
    with f on the source and disagrees on the target. `margin` is the factor gamma = exp(rho) of
    the margin rho.
    Source: Zhang et al.: Bridging Theory and Algorithm for Domain Adaptation, arXiv:1904.05801.
    """
    agreement = nn.functional.cross_entropy(source_adversary, source_logits.argmax(1))
    return margin * agreement - _log_other(target_adversary, target_logits.argmax(1)).mean()


def _log_other(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log(1 - p_y) (N,) in log space, where 1 - p_y would round to 0."""
    is_label = nn.functional.one_hot(labels, logits.shape[1]).bool()
    others = logits.masked_fill(is_label, -torch.inf)
    return others.logsumexp(1) - logits.logsumexp(1)
