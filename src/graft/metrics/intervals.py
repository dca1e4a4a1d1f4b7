"""How sure a metric is: its bootstrap interval over the test examples, or over the groups that they come in."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import Metric

BLOCK = 2_000_000
"""Counts held at once: resamples times examples."""
FEWEST_GROUPS = 10
"""Fewer groups than these tell too little of how groups differ: then each example is drawn for itself."""


def bootstrap(
    metric: Metric,
    scores: NDArray,
    targets: NDArray,
    groups: Sequence[str] = (),
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """(value, low, high): the metric and its 95 % percentile interval over resampled examples (Efron, 1979).

    scores (N, ...), targets (N, ...) and, where examples come in groups, those of each (N,). Resamples on which the
    metric is undefined are left out; nan where all are.
    """
    weighted = metric.weigh(scores, targets)
    drawn = draws(clusters(groups or range(len(targets))), resamples, np.random.default_rng(seed))
    values = np.concatenate([weighted(counts) for counts in drawn]) if len(targets) else np.array([])
    return float(metric(scores, targets)), *percentiles(values)


def clusters(groups: Sequence[Hashable]) -> NDArray:
    """What is drawn together: the number of each example's cluster (N,), from 0.

    Examples of one group are one cluster, since they are about the same and right or wrong together (the cluster bootstrap:
    Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Where there are fewer groups than
    `FEWEST_GROUPS`, each example is one.
    """
    number: dict[Hashable, int] = {}
    found = np.array([number.setdefault(group, len(number)) for group in groups], int)
    return found if len(number) >= FEWEST_GROUPS else np.arange(len(found))


def draws(clusters: NDArray, resamples: int, rng: np.random.Generator) -> Iterator[NDArray]:
    """Blocks (R, N), together `resamples` rows: how often each example is drawn, those of one cluster together."""
    size = int(clusters.max()) + 1
    block = max(1, BLOCK // len(clusters))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)[:, clusters].astype(float)


def percentiles(values: NDArray) -> tuple[float, float]:
    """The bounds of the middle 95 % of what is not nan."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
