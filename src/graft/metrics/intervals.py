"""How sure a metric is: its bootstrap interval over the test examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graft.metrics.classification import SumMetric

Metric = Callable[[NDArray, NDArray], float]

BLOCK = 2_000_000
"""Counts held at once: resamples times examples."""


def bootstrap(
    metric: Metric, scores: NDArray, targets: NDArray, resamples: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """(value, low, high): the metric and its 95 % percentile interval over resampled examples (Efron, 1979).

    scores (N, ...) and targets (N, ...). Resamples on which the metric is undefined are left out; nan where all are.
    """
    value = float(metric(scores, targets))
    if len(targets) == 0:
        return value, float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    draw = _by_sums if isinstance(metric, SumMetric) else _one_by_one
    values = draw(metric, scores, targets, resamples, rng)
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return value, float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return value, float(low), float(high)


def _by_sums(metric: SumMetric, scores: NDArray, targets: NDArray, resamples: int, rng: np.random.Generator) -> NDArray:
    parts = metric.parts(scores, targets)
    block = max(1, BLOCK // len(parts))
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    return np.concatenate([metric.value(_counts(size, len(parts), rng) @ parts) for size in sizes])


def _counts(resamples: int, size: int, rng: np.random.Generator) -> NDArray:
    """(resamples, size): how often each example is drawn."""
    drawn = rng.integers(size, size=(resamples, size)) + size * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * size).reshape(resamples, size).astype(float)


def _one_by_one(metric: Metric, scores: NDArray, targets: NDArray, resamples: int, rng: np.random.Generator) -> NDArray:
    size = len(targets)
    draws = (rng.integers(size, size=size) for _ in range(resamples))
    return np.array([metric(scores[rows], targets[rows]) for rows in draws])
