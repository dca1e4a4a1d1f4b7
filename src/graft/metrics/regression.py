"""Metrics of predicted numbers: `metric(scores, targets) -> float`.

Scores and targets are numbers (N,) in the user's unit. RMSE and MAE are in that unit, and lower is
better; R2 and the correlations have no unit, and higher is better. Undefined values are nan: all of
them without examples, R2 of constant targets, the correlations of constant predictions or targets.

Example: graft evaluate runs/prices products.csv --columns value=price
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from graft.metrics.metric import (
    Measurement,
    Metric,
    Pairs,
    Terms,
    divide,
    metric_of_sums,
    ratio,
    sums_by,
    weigh_sums,
)

CONSTANT = 1e-12
"""A variance below this share of that of all examples is rounding: the values are constant."""


def _squared_errors(scores: NDArray, targets: NDArray) -> NDArray:
    return np.stack([(scores - targets) ** 2, np.ones(len(targets))], axis=1)


def _absolute_errors(scores: NDArray, targets: NDArray) -> NDArray:
    return np.stack([np.abs(scores - targets), np.ones(len(targets))], axis=1)


def _root_of_mean(sums: NDArray) -> NDArray:
    # Without the only example that errs, rounding may leave the sum of squares below 0.
    return np.sqrt(np.maximum(ratio(sums), 0.0))


def _weigh_r2(terms: Terms) -> Measurement:
    """By sums (4,): examples, squared errors, and the targets and their squares.

    Targets are centered and scaled first, so that a large mean does not swallow their variance.
    """
    scores, targets = _sides(terms)
    centered, scale = _standardize(targets)
    errors = (scores - targets) / scale
    parts = np.stack([np.ones(len(errors)), errors**2, centered, centered**2], axis=1)
    return weigh_sums(parts, _explained_variance)


def _explained_variance(sums: NDArray) -> NDArray:
    count, errors, total, squares = np.moveaxis(sums, -1, 0)
    spread = squares - divide(total**2, count)
    return 1 - divide(errors, np.where(spread > CONSTANT * count, spread, 0.0))


def _weigh_pearson(terms: Terms) -> Measurement:
    """By the sums (6,) of a covariance and two variances."""
    x, y = (_standardize(side)[0] for side in _sides(terms))
    return weigh_sums(np.stack([np.ones(len(x)), x, y, x * y, x**2, y**2], axis=1), _correlation)


def _correlation(sums: NDArray) -> NDArray:
    count, x, y, xy, xx, yy = np.moveaxis(sums, -1, 0)
    covariance = xy - divide(x * y, count)
    variances = [xx - divide(x**2, count), yy - divide(y**2, count)]
    varies = np.logical_and(*(variance > CONSTANT * count for variance in variances))
    value = divide(covariance, np.sqrt(np.where(varies, variances[0] * variances[1], 0.0)))
    return np.clip(value, -1, 1)


def _weigh_spearman(terms: Terms) -> Measurement:
    """The correlation of the ranks; examples of equal value share the mean of their ranks."""
    sides = _sides(terms)
    x, y = (_standardize(_rank_shares(side))[0] for side in sides)
    sums = np.array([len(x), x.sum(), y.sum(), x @ y, x @ x, y @ y])
    value = float(_correlation(sums))
    return Measurement(
        value,
        lambda clusters: sums_by(clusters, _influence_on_ranks(*sides, value))[:, 0],
        lambda: len(x),
    )


def _influence_on_ranks(x: NDArray, y: NDArray, value: float) -> NDArray:
    """How much each example adds to the correlation of the ranks (N, 1), with mean 0.

    An example counts by its own ranks, and by the ranks that it changes: it raises the rank of each
    example above it by one. This is the infinitesimal jackknife of the correlation of
    rank shares F and G, which both have the mean 1/2.
    Source: Croux and Dehon, Stat. Methods Appl. 19, 2010, equation 7.
    """
    count = len(x)
    f, g = _rank_shares(x), _rank_shares(y)
    covariance = _mean_rank_above(g, x) + _mean_rank_above(f, y) + f * g - 3 * (f @ g) / count
    variances = [
        2 * _mean_rank_above(ranks, side) + ranks**2 - 3 * (ranks @ ranks) / count
        for ranks, side in ((f, x), (g, y))
    ]
    sizes = [ranks @ ranks / count - 0.25 for ranks in (f, g)]
    if min(sizes) <= CONSTANT:
        return np.zeros((count, 1))
    scaled = [variance / size for variance, size in zip(variances, sizes, strict=True)]
    influence = covariance / math.sqrt(sizes[0] * sizes[1]) - value / 2 * (scaled[0] + scaled[1])
    return (influence / count)[:, None]


def _mean_rank_above(ranks: NDArray, values: NDArray) -> NDArray:
    """The mean over all examples of the `ranks` (N,) of those above each; ties count half."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    sums = np.concatenate([[0.0], ranks[order].cumsum()])
    below = sums[np.searchsorted(ranked, values, "left")]
    up_to = sums[np.searchsorted(ranked, values, "right")]
    return (sums[-1] - (below + up_to) / 2) / len(ranks)


def _rank_shares(values: NDArray) -> NDArray:
    """(N,) the share of examples below each, half of those of equal value counted."""
    return (rankdata(values) - 0.5) / max(len(values), 1)


def _sides(terms: Terms) -> tuple[NDArray, NDArray]:
    """The scores (N,) and the targets (N,)."""
    pairs = Pairs.of(terms)
    return np.asarray(pairs.scores, float), np.asarray(pairs.targets, float)


def _standardize(values: NDArray) -> tuple[NDArray, float]:
    """Return values (N,) with mean 0 and variance 1, and their scale; a constant is exactly 0."""
    if len(values) == 0 or np.ptp(values) == 0:
        return np.zeros(len(values)), 1.0
    scale = float(values.std())
    return (values - values.mean()) / scale, scale


rmse = metric_of_sums(
    "rmse",
    _squared_errors,
    _root_of_mean,
    words="RMSE",
    best=0.0,
    higher_is_better=False,
    is_fraction=False,
    limits=(0.0, math.inf),
)
"""The root of the mean squared error, in the unit of the targets; large errors count most."""

mae = metric_of_sums(
    "mae",
    _absolute_errors,
    ratio,
    words="mean absolute error",
    best=0.0,
    higher_is_better=False,
    is_fraction=False,
    limits=(0.0, math.inf),
)
"""The mean absolute error, in the unit of the targets."""

r2 = Metric(
    "r2",
    Pairs,
    _weigh_r2,
    "R²",
    is_fraction=False,
    limits=(-math.inf, 1.0),
    undefined="all true values are equal, so that there is nothing to explain",
)
"""The share of the variance of the targets that the predictions explain; below 0 if the mean of the
targets would be closer. nan if the targets are constant, as there is nothing to explain."""

_CONSTANT = "all predictions, or all true values, are equal"

pearson = Metric(
    "pearson",
    Pairs,
    _weigh_pearson,
    "Pearson correlation",
    is_fraction=False,
    limits=(-1.0, 1.0),
    undefined=_CONSTANT,
)
"""How close predictions and targets are to a rising line."""

spearman = Metric(
    "spearman",
    Pairs,
    _weigh_spearman,
    "Spearman correlation",
    is_fraction=False,
    limits=(-1.0, 1.0),
    undefined=_CONSTANT,
)
"""How consistently predictions rise with the targets, in any shape: the correlation of ranks."""

METRICS = {metric.name: metric for metric in (rmse, mae, r2, pearson, spearman)}
