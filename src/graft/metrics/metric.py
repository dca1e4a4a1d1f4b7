"""What a metric is: a value of scores and targets that is quick to recompute on resamples of the examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Weighted = Callable[[NDArray], NDArray]
"""(R, N) how often each example counts in each of R resamples -> (R,) the metric on each."""
Parts = Callable[[NDArray, NDArray], NDArray]
"""(scores, targets) -> (N, K), what each example adds to the K sums that a metric is made of."""
Value = Callable[[NDArray], NDArray]
"""Sums (..., K) -> (...) the metric."""


@dataclass(frozen=True)
class Metric:
    """`metric(scores, targets) -> float`; `weigh` does what depends on the scores once, for any number of resamples.

    `parts` and `value` are those of a metric that depends on sums over the examples alone, None of any other. What
    `is_fraction` is shown in per cent.
    """

    name: str
    weigh: Callable[[NDArray, NDArray], Weighted]
    parts: Parts | None = None
    value: Value | None = None
    higher_is_better: bool = True
    is_fraction: bool = True

    def __call__(self, scores: NDArray, targets: NDArray) -> float:
        return float(self.weigh(scores, targets)(np.ones((1, len(targets))))[0])

    def reading(self, read: Callable[[NDArray], NDArray]) -> Metric:
        """The same metric of other scores, which `read` turns into those that it takes."""
        parts = self.parts and (lambda scores, targets: self.parts(read(scores), targets))
        return replace(self, weigh=lambda scores, targets: self.weigh(read(scores), targets), parts=parts)


def of_sums(name: str, parts: Parts, value: Value, *, higher_is_better: bool = True, is_fraction: bool = True) -> Metric:
    """The metric that is `value` of the sums over the examples of `parts`."""

    def weigh(scores: NDArray, targets: NDArray) -> Weighted:
        terms = parts(scores, targets)
        return lambda counts: value(counts @ terms)

    return Metric(name, weigh, parts, value, higher_is_better, is_fraction)


def ratio(sums: NDArray) -> NDArray:
    """The first of two sums (..., 2) by the second; nan where that is 0."""
    return divide(sums[..., 0], sums[..., 1])


def divide(a: NDArray, b: NDArray) -> NDArray:
    """a / b, nan where b is 0."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return np.divide(a, b, out=np.full(np.broadcast(a, b).shape, np.nan), where=b != 0)
