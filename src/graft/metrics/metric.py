"""What a metric is: a value of scores and targets, and how much each group of examples moves it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Measure = Callable[[NDArray, NDArray], float]
"""(scores, targets) -> the metric."""
Influence = Callable[[NDArray, NDArray, NDArray], NDArray]
"""(scores, targets, clusters (N,)) -> (G,), what each cluster adds to the metric, with mean 0.

Clusters are numbered from 0. The variance of the metric over test sets is G / (G - 1) times the sum
of the squares.
"""
Parts = Callable[[NDArray, NDArray], NDArray]
"""(scores, targets) -> (N, K), what each example adds to the K sums that a metric is made of."""
Value = Callable[[NDArray], NDArray]
"""Sums (..., K) -> (...) the metric."""

BLOCK = 4_000_000
"""Numbers held at once while clusters are left out: 32 MB."""


@dataclass(frozen=True)
class Metric:
    """`metric(scores, targets) -> float`, and what its interval is computed from.

    `influence` is None if no valid interval is known. `parts` and `value` are those of a metric
    that depends on sums over the examples alone, None of any other. `examples` counts the examples
    that support a value without variance, such as all right; None counts all of them. A metric that
    `is_fraction` lies between 0 and 1 and is shown in per cent; any other lies between `limits`.
    """

    name: str
    measure: Measure
    influence: Influence | None = None
    parts: Parts | None = None
    value: Value | None = None
    higher_is_better: bool = True
    is_fraction: bool = True
    examples: Measure | None = None
    limits: tuple[float, float] = (-math.inf, math.inf)

    @property
    def span(self) -> float:
        """The largest difference that there can be."""
        return 1.0 if self.is_fraction else self.limits[1] - self.limits[0]

    def __call__(self, scores: NDArray, targets: NDArray) -> float:
        return float(self.measure(scores, targets))

    def num_examples(self, scores: NDArray, targets: NDArray) -> float:
        """The number of examples that support a value without variance, such as all right."""
        return len(targets) if self.examples is None else self.examples(scores, targets)

    def reading(self, read: Callable[[NDArray], NDArray]) -> Metric:
        """The same metric of other scores, which `read` turns into those that it takes."""

        def translated(function: Callable | None) -> Callable | None:
            return function and (lambda scores, *others: function(read(scores), *others))

        functions = ("measure", "influence", "parts", "examples")
        return replace(self, **{name: translated(getattr(self, name)) for name in functions})


def of_sums(
    name: str,
    parts: Parts,
    value: Value,
    *,
    higher_is_better: bool = True,
    is_fraction: bool = True,
    has_interval: bool = True,
    examples: Measure | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Metric:
    """The metric that is `value` of the sums over the examples of `parts`."""

    def measure(scores: NDArray, targets: NDArray) -> float:
        return float(value(parts(scores, targets).sum(axis=0)))

    def influence(scores: NDArray, targets: NDArray, clusters: NDArray) -> NDArray:
        return jackknife(parts(scores, targets), value, clusters)

    known = influence if has_interval else None
    return Metric(
        name, measure, known, parts, value, higher_is_better, is_fraction, examples, limits
    )


def jackknife(parts: NDArray, value: Value, clusters: NDArray) -> NDArray:
    """The `Influence` on `value` of the sums of parts (N, K): each cluster is left out in turn.

    For a mean over examples, each a cluster, this is (x - mean) / N. Clusters
    without which the metric is undefined count as 0. Source: Efron and Stein, The jackknife
    estimate of variance, Ann. Statist. 9, 1981.
    """
    by_cluster = sums_by(clusters, parts)
    count = len(by_cluster)
    if count < 2:
        return np.zeros(count)
    total, rows = by_cluster.sum(axis=0), max(1, BLOCK // max(1, parts.shape[1]))
    blocks = [value(total - by_cluster[start : start + rows]) for start in range(0, count, rows)]
    return left_out(np.concatenate(blocks))


def left_out(without: NDArray) -> NDArray:
    """The `jackknife` from the values (G,) without each cluster."""
    known = ~np.isnan(without)
    if len(without) < 2 or not known.any():
        return np.zeros(len(without))
    return np.where(known, without[known].mean() - without, 0.0) * (len(without) - 1) / len(without)


def sums_by(clusters: NDArray, rows: NDArray) -> NDArray:
    """The sums (G, K) of the rows (N, K) of each cluster."""
    if len(clusters) == 0 or np.array_equal(clusters, np.arange(len(clusters))):
        return rows
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    return np.add.reduceat(rows[order], starts, axis=0)


def ratio(sums: NDArray) -> NDArray:
    """The first of two sums (..., 2) by the second; nan where that is 0."""
    return divide(sums[..., 0], sums[..., 1])


def divide(a: NDArray, b: NDArray) -> NDArray:
    """a / b, nan where b is 0."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b != 0)
