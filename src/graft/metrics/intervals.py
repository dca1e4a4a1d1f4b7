"""The 95 % interval of a metric over test sets, of one run or of the mean over several.

One source of noise is the test examples, or the groups that they come in; with several runs the
runs are another, which `graft.reports.statistics` adds. Nothing is resampled: the variance follows
from what each group adds to the metric (`Measurement.influence`), and the bounds from Student's t
with the degrees of freedom of that variance.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from graft.metrics.metric import Metric, Terms


@dataclass(frozen=True)
class Estimate:
    """A metric of one run: its value, the influence (G,) of groups, and the number of examples."""

    value: float
    influence: NDArray
    examples: float


def estimate(metric: Metric, terms: Terms, clusters: NDArray) -> Estimate | None:
    """Measure the terms, with what the interval needs; None if the metric has no interval."""
    run = metric.weigh(terms)
    if run.influence is None:
        return None
    return Estimate(run.value, run.influence(clusters), run.num_examples())


def interval(
    metric: Metric, scores: NDArray, targets: NDArray, groups: Sequence[Hashable] = ()
) -> tuple[float, float, float]:
    """(value, low, high): the metric of one run and its 95 % interval over test sets of this size.

    scores (N, ...), targets (N, ...) and, where examples come in groups, those of each (N,). The
    bounds are nan where the metric has no interval, is undefined, or where all examples are of one
    group.
    """
    terms = metric.terms(scores, targets)
    together = clusters(groups or range(len(targets)))
    run = estimate(metric, terms, together) if len(targets) else None
    if run is None:
        return metric.weigh(terms).value, math.nan, math.nan
    variance, freedom = examples_variance(run.influence), len(run.influence) - 1
    return run.value, *metric_bounds(metric, run.value, variance, freedom, run.examples)


def clusters(groups: Sequence[Hashable]) -> NDArray:
    """The number of each example's cluster (N,), from 0.

    Examples of one group are one cluster, since they are about the same and right or wrong
    together.
    """
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(group, len(number)) for group in groups], int)


def examples_variance(influence: NDArray) -> float:
    """The variance over test sets of a metric with these influences (G,); nan of fewer than two.

    For a difference of two metrics, it takes the differences of their influences.
    """
    count = len(influence)
    return float(count / (count - 1) * (influence**2).sum()) if count > 1 else math.nan


def metric_bounds(
    metric: Metric, value: float, variance: float, freedom: float, examples: float
) -> tuple[float, float]:
    """The 95 % interval of a value of the metric, within what the metric can be."""
    is_beyond = metric.may_exceed_one and value > 1
    if metric.is_fraction and not is_beyond:
        return fraction_bounds(value, variance, freedom, examples)
    low, high = bounds(value, variance, freedom)
    return max(low, metric.limits[0]), min(high, metric.limits[1])


def bounds(value: float, variance: float, freedom: float) -> tuple[float, float]:
    """The 95 % interval of Student's t, infinite below one degree of freedom.

    There the quantile grows without limit, and a number such as 10^20 would be read as a result.
    """
    if not freedom > 0:
        half = math.nan
    elif freedom < 1 and variance > 0:
        half = math.inf
    else:
        half = critical(freedom) * math.sqrt(variance)
    return value - half, value + half


def fraction_bounds(
    value: float, variance: float, freedom: float, examples: float
) -> tuple[float, float]:
    """Wilson's 95 % interval of a value between 0 and 1, on as many examples as have this variance.

    That effective number is value (1 - value) / variance, so that groups and runs count for what
    they contribute (Kish, Survey Sampling, 1965; Dean and Pagano, J. Surv. Stat. Methodol. 3,
    2015). A value of 0 or 1 has no variance of its own: two pseudo-examples, one right and one
    wrong (Agresti and Coull, Am. Stat. 52, 1998), make the number that of `examples` there, and
    hardly change it elsewhere. Source of the interval: Wilson, J. Am. Stat. Assoc. 22, 1927; with
    Student's t for the normal quantile.
    """
    if not 0 <= value <= 1 or not freedom > 0 or not variance >= 0 or not examples > 0:
        return math.nan, math.nan
    if freedom < 1:  # as in `bounds`
        return 0.0, 1.0
    share = (examples * value + 1) / (examples + 2)
    padded = (examples**2 * variance + share**2 + (1 - share) ** 2) / (examples + 2) ** 2
    effective = share * (1 - share) / padded
    square = critical(freedom) ** 2 / effective
    center = (value + square / 2) / (1 + square)
    half = math.sqrt(square * (value * (1 - value) + square / 4)) / (1 + square)
    # The value lies within but for rounding: the upper bound of a 1 is 1 on every processor.
    return max(0.0, min(value, center - half)), min(1.0, max(value, center + half))


def critical(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    return float(stdtrit(freedom, 0.975))
