"""How sure a metric is: its bootstrap interval over the test examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import Metric

BLOCK = 2_000_000
"""Counts held at once: resamples times examples."""


def bootstrap(
    metric: Metric | Callable[[NDArray, NDArray], float],
    scores: NDArray,
    targets: NDArray,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """(value, low, high): the metric and its 95 % percentile interval over resampled examples (Efron, 1979).

    scores (N, ...) and targets (N, ...). Resamples on which the metric is undefined are left out; nan where all are.
    """
    rng = np.random.default_rng(seed)
    if len(targets) == 0:
        values = np.array([])
    elif isinstance(metric, Metric):
        weighted = metric.weigh(scores, targets)
        values = np.concatenate([weighted(counts) for counts in draws(len(targets), resamples, rng)])
    else:
        rows = (rng.integers(len(targets), size=len(targets)) for _ in range(resamples))
        values = np.array([metric(scores[drawn], targets[drawn]) for drawn in rows])
    return float(metric(scores, targets)), *percentiles(values)


def draws(size: int, resamples: int, rng: np.random.Generator) -> Iterator[NDArray]:
    """Blocks (R, size), together `resamples` rows: how often each of `size` examples is drawn."""
    block = max(1, BLOCK // size)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size).astype(float)


def percentiles(values: NDArray) -> tuple[float, float]:
    """The bounds of the middle 95 % of what is not nan."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
