"""Importance weighting: source examples that look like the target's count more."""

from __future__ import annotations

from torch import Tensor

from graft.base.errors import DataError


def importance_weighted_mean(values: Tensor, weights: Tensor) -> float:
    """Return the weighted mean of values (N,), such as losses or hits, of held-out source examples.

    Formula: sum w v / sum w, w the density ratios p_target / p_source at the examples. It
    estimates the mean on the target if only the inputs' distribution differs.
    Source: Sugiyama et al.: Covariate Shift Adaptation by Importance Weighted Cross Validation,
    JMLR 8, 2007, with weights of sum 1.
    Raises DataError if all weights are 0 or one of them is not finite.
    """
    check_weights(weights)
    weights = weights.cpu().double()
    return float((values.cpu().double() * weights).sum() / weights.sum())


def effective_size(weights: Tensor) -> float:
    """Return how many examples of equal weight are worth as much as these weights (N,).

    Formula: (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965): N if all are equal, 1 if one has
    all the weight.
    Raises DataError as `importance_weighted_mean` does.
    """
    check_weights(weights)
    return float(weights.sum().square() / weights.square().sum())


def check_weights(weights: Tensor) -> None:
    """Raise DataError if importance weights (N,) cannot be normalized."""
    if not weights.isfinite().all() or not weights.sum() > 0:
        raise DataError(
            "No source example looks like the target's: the importance weights are 0 or not "
            "finite. Use another validator."
        )
