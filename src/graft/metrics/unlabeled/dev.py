"""Deep embedded validation: an importance-weighted risk of less variance."""

from __future__ import annotations

from torch import Tensor

from graft.base.errors import DataError
from graft.metrics.unlabeled.importance import check_weights


def dev_risk(losses: Tensor, weights: Tensor) -> float:
    """Return the estimated target risk from losses (N,) of held-out source examples; lower is
    better.

    Formula: mean(w l) + eta (mean(w) - 1), eta = -cov(w l, w) / var(w): the weights w, density
    ratios p_target / p_source at the examples, have mean 1 in expectation, so what theirs is off
    corrects the risk. Where all weights are equal eta is 0. It may be negative.
    Source: You et al.: Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation,
    ICML 2019, arXiv:2606.04665.
    Raises DataError for fewer than two examples, or for weights that are 0 or not finite.
    """
    if len(losses) < 2:
        raise DataError(
            f"A variance needs at least 2 held-out source examples, and got {len(losses)}. Give "
            "more of them."
        )
    check_weights(weights)
    weights = weights.cpu().double()
    weighted = weights * losses.cpu().double()
    centered = weights - weights.mean()
    variance = centered.square().sum()
    # The factors 1 / (N - 1) of covariance and variance cancel.
    eta = -float((weighted * centered).sum() / variance) if variance > 0 else 0.0
    return float(weighted.mean()) + eta * (float(weights.mean()) - 1)
