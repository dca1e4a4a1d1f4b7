"""R-Drop: two forwards with other dropout should say the same."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def symmetric_divergence(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean symmetric divergence of the predictions of logits (N, C), a scalar.

    Formula: mean over n of (KL(p || q) + KL(q || p)) / 2 = sum over c of (p_c - q_c) (log p_c - log
    q_c) / 2, p = softmax(first), q = softmax(second).
    Source: Liang et al.: R-Drop, arXiv:2106.14448.
    """
    one, other = first.log_softmax(dim=1), second.log_softmax(dim=1)
    return ((one.exp() - other.exp()) * (one - other)).sum(1).mean() / 2
