"""The contract of a metric: its value on some examples, and how much each group of them moves it.

A metric reads each example once (`terms`), and everything else follows from what it read: its
value, its interval, its difference to another run. The terms are numbers and lists of them, so that
a run writes those of its primary metric to predictions.parquet and no later comparison needs the
scores, the classes or the task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Terms = Sequence[Any]
"""One entry an example, of numbers and lists of them: all that a metric reads of the example."""
Parts = Callable[[NDArray, NDArray], NDArray]
"""(scores, targets) -> (N, K), what each example adds to the K sums that a metric is made of."""
Value = Callable[[NDArray], NDArray]
"""Sums (..., K) -> (...) the metric."""

BLOCK = 4_000_000
"""Numbers held at once while clusters are left out: 32 MB."""


@dataclass(frozen=True)
class Measurement:
    """The value of a metric on some examples, and how much each of them moves it.

    `influence` takes clusters (N,), numbered from 0, and returns (G,) what each adds to the value,
    with mean 0: the variance of the metric over test sets is G / (G - 1) times the sum of their
    squares. It is None if no valid interval is known. `num_examples` counts the examples behind a
    value without variance, such as an accuracy of 1.
    """

    value: float
    influence: Callable[[NDArray], NDArray] | None
    num_examples: Callable[[], float]


@dataclass(frozen=True)
class Metric:
    """A measure of predictions: `metric(scores, targets) -> float`.

    `terms` reads each example, `weigh` turns the terms of all into their value and its influence.
    A new metric needs these two, a name, and the value of a perfect prediction (`best`). `words` is
    the name in reports, by default `name`. A metric that `is_fraction` lies between 0 and 1 and is
    shown in percent; any other lies within `limits` and is shown in its `unit`, which a task may
    set (`replace(rmse, unit="g")`). A rate of errors is a fraction that `may_exceed_one`, since a
    prediction can have more errors than the truth has parts; it lies within `limits` too.
    """

    name: str
    terms: Callable[[NDArray, NDArray], Terms]
    weigh: Callable[[Terms], Measurement]
    words: str = ""
    best: float = 1.0
    higher_is_better: bool = True
    is_fraction: bool = True
    may_exceed_one: bool = False
    limits: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    undefined: str = "there is nothing to measure"
    """When its value is NaN, as what stands behind "is undefined where"."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", self.words or self.name.replace("_", " "))

    @property
    def sign(self) -> int:
        """1 if a higher value is better, -1 if a lower one is."""
        return 1 if self.higher_is_better else -1

    @property
    def why_undefined(self) -> str:
        """The sentence that explains a value that is NaN."""
        return f"{self.words[:1].upper()}{self.words[1:]} is undefined where {self.undefined}."

    @property
    def span(self) -> float:
        """The largest possible difference between two values."""
        is_bounded = self.is_fraction and not self.may_exceed_one
        return 1.0 if is_bounded else self.limits[1] - self.limits[0]

    def measure(self, scores: NDArray, targets: NDArray) -> Measurement:
        """Measure these predictions: the value and its influence."""
        return self.weigh(self.terms(scores, targets))

    def __call__(self, scores: NDArray, targets: NDArray) -> float:
        return self.measure(scores, targets).value

    def with_reader(self, read: Callable[[NDArray], NDArray]) -> Metric:
        """Return the same metric for other scores, which `read` turns into those it takes."""
        return replace(self, terms=lambda scores, targets: self.terms(read(scores), targets))


@dataclass(frozen=True)
class Pairs(Sequence):
    """Terms that are the score and the target of each example, without a copy of the scores."""

    scores: NDArray
    targets: NDArray

    @classmethod
    def of(cls, terms: Terms) -> Pairs:
        """Return pairs as they are, or make them of terms that were read from a file."""
        if isinstance(terms, cls):
            return terms
        return cls(*(np.array([pair[side] for pair in terms]) for side in (0, 1)))

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> list[Any]:
        return [self.scores[row].tolist(), self.targets[row].tolist()]


def plain_term(term: Any) -> Any:
    """Turn a term into what JSON can hold: lists for arrays, Python's numbers for NumPy's."""
    return term.tolist() if isinstance(term, np.ndarray | np.generic) else term


def numbers(term: Any) -> Iterable[float]:
    """Yield all numbers of a term, also those in nested lists."""
    if not isinstance(term, list):
        return (term,)
    return (number for part in term for number in numbers(part))


def metric_of_sums(
    name: str,
    parts: Parts,
    value: Value,
    *,
    has_interval: bool = True,
    **about: Any,
) -> Metric:
    """Make the metric that is `value` of the sums of `parts` over the examples.

    `about` are further fields of the metric, such as `words` or `higher_is_better`.
    """
    return Metric(name, parts, lambda terms: weigh_sums(terms, value, has_interval), **about)


def weigh_sums(parts: Terms, value: Value, has_interval: bool = True) -> Measurement:
    """Measure `value` of the sums of parts (N, K)."""
    parts = np.asarray(parts, float)
    return Measurement(
        float(value(parts.sum(axis=0))),
        (lambda clusters: jackknife(parts, value, clusters)) if has_interval else None,
        lambda: len(parts),
    )


def jackknife(parts: NDArray, value: Value, clusters: NDArray) -> NDArray:
    """Return the influence (G,) of each cluster on `value` of the sums of parts (N, K).

    Each cluster is left out in turn: see `Measurement`. For a mean over examples, each a cluster of
    its own, the influence is (x - mean) / N. A cluster without which the metric is undefined has
    influence 0. Source: Efron and Stein, The jackknife estimate of variance, Ann. Statist. 9, 1981.
    """
    by_cluster = sums_by(clusters, parts)
    count = len(by_cluster)
    if count < 2:
        return np.zeros(count)
    total, rows = by_cluster.sum(axis=0), max(1, BLOCK // max(1, parts.shape[1]))
    blocks = [value(total - by_cluster[start : start + rows]) for start in range(0, count, rows)]
    return influence_by_omission(np.concatenate(blocks))


def influence_by_omission(without: NDArray) -> NDArray:
    """Return the influence (G,) of each cluster from the values (G,) without it."""
    known = ~np.isnan(without)
    if len(without) < 2 or not known.any():
        return np.zeros(len(without))
    return np.where(known, without[known].mean() - without, 0.0) * (len(without) - 1) / len(without)


def sums_by(clusters: NDArray, rows: NDArray) -> NDArray:
    """Sum the rows (N, K) of each cluster: (G, K)."""
    if len(clusters) == 0 or np.array_equal(clusters, np.arange(len(clusters))):
        return rows
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    return np.add.reduceat(rows[order], starts, axis=0)


def ratio(sums: NDArray) -> NDArray:
    """Divide the first of two sums (..., 2) by the second; nan where that is 0."""
    return divide(sums[..., 0], sums[..., 1])


def divide(a: NDArray, b: NDArray) -> NDArray:
    """Return a / b, nan where b is 0."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b != 0)
