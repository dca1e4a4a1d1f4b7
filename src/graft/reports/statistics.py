"""Groups of runs compared over the same test examples: intervals, differences, p-values.

Two things vary between repetitions of an experiment: the seeds and the test examples. Both are resampled jointly
(Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). All groups see the same resampled
examples, so differences are paired by example; seeds are drawn for each group apart. Examples of one cluster (questions
of one text, pictures of one patient) are drawn together. Of S seeds S - 1 are drawn, which makes the bootstrap variance
of a mean of few values unbiased (Rao & Wu, JASA 83, 1988, with m = n - 1). In simulations with three seeds a nominal
95 % interval covers the truth in 94 to 98 % of the studies while the standard deviation between seeds stays within about
two points of accuracy, in 86 to 94 % when it is three times that.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from graft.metrics.intervals import draws, percentiles
from graft.metrics.metric import Weighted

RESAMPLES = 10_000

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval and its two-sided p-value."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Resampled:
    """The mean score of a group of runs: as observed, and on each resample (R,)."""

    value: float
    draws: NDArray

    def interval(self) -> Interval:
        return Interval(self.value, *percentiles(self.draws))

    def minus(self, other: Resampled) -> Difference:
        """The difference to a group that was resampled in the same call."""
        apart = self.draws - other.draws
        return Difference(self.value - other.value, *percentiles(apart), p_value(apart))


def resample(
    groups: Mapping[Key, Sequence[Weighted]], clusters: NDArray, resamples: int = RESAMPLES, seed: int = 0
) -> dict[Key, Resampled]:
    """The mean score of each group, over resampled seeds and clusters (N,) of examples, see `metrics.intervals.clusters`.

    A group holds one score a seed, a function of how often each of the N examples counts: (R, N) -> (R,).
    """
    examples, seeds = (np.random.default_rng(source) for source in np.random.SeedSequence(seed).spawn(2))
    found: dict[Key, list[NDArray]] = {key: [] for key in groups}
    for counts in draws(clusters, resamples, examples):
        for key, scores in groups.items():
            values = np.stack([score(counts) for score in scores], axis=1)
            picked = seeds.integers(len(scores), size=(len(counts), max(1, len(scores) - 1)))
            found[key].append(np.take_along_axis(values, picked, axis=1).mean(axis=1))
    once = np.ones((1, len(clusters)))
    return {
        key: Resampled(float(np.mean([score(once)[0] for score in scores])), np.concatenate(found[key]))
        for key, scores in groups.items()
    }


def means(scores: NDArray) -> list[Weighted]:
    """A group for `resample` whose score is a mean over examples: `scores` (S, N) of S seeds and N examples."""
    return [lambda counts, row=row: counts @ row / counts.sum(axis=1) for row in np.asarray(scores, float)]


def p_value(differences: NDArray) -> float:
    """The two-sided p-value of "no difference", from resampled differences (R,); nan where none is known.

    It is the level at which the percentile interval just touches 0 (Efron & Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 15), so p < 0.05 says the same as a 95 % interval without 0; one is added to the counts so that it is
    never 0 (Davison & Hinkley, 1997, section 4.2).
    """
    known = differences[~np.isnan(differences)]
    if len(known) == 0:
        return float("nan")
    rarer = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (1 + rarer) / (1 + len(known))))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being several (Holm, Scand. J. Statist. 6, 1979); nan stays nan and does not count."""
    p = np.asarray(p_values, float)
    corrected = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    reached = 0.0
    for rank, i in enumerate(order):
        reached = max(reached, min(1.0, p[i] * (len(order) - rank)))
        corrected[i] = reached
    return corrected.tolist()
