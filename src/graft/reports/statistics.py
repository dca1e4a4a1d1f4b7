"""Compare techniques on the same test examples by variance components: intervals and p-values.

Three things vary when an experiment is repeated: the test examples, the runs (seeds), and the luck
of a run on single examples. The mean of S runs has the variance `E + (V - L) / S`:

- E, over test sets: from the influence of each group of examples on the mean over the runs.
  Examples of one group (questions on one text, pictures of one patient) are one unit, so that G
  groups give G - 1 degrees of freedom.
- V, between runs: the variance of their S values, with S - 1 degrees of freedom.
- L, the part of V that is luck on single examples, which E contains already. Drawing seeds and
  examples again jointly counts it twice (Owen, The pigeonhole bootstrap, Ann. Appl. Stat. 1, 2007).

A difference is paired by example: its E is that of the difference of the influences, and the runs
of both sides add theirs. Bounds and p-values are those of Student's t, whose degrees of freedom
weigh the parts (Satterthwaite, Biometrics Bulletin 2, 1946; Welch, Biometrika 34, 1947).
`benchmarks/evidence.py` measures how often they are right; docs/evidence.md shows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from graft.base.evidence import FEWEST_GROUPS
from graft.metrics.intervals import (
    Estimate,
    bounds,
    examples_variance,
    metric_bounds,
)
from graft.metrics.metric import Metric

LEVEL = 0.05
"""A p-value below this is a claim."""
LUCK_IN_INTERVALS, LUCK_IN_P_VALUES = 0.3, 0.6
"""The share of L that is added to V - L in the degrees of freedom of a difference to two runs.

Two runs often agree by chance, which makes the variance too small and small p-values far too small.
In simulated studies of equally good techniques, one in seven made a claim without this."""


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; the bounds are nan where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A difference with its 95 % interval and its two-sided p-value, nan if the data allow none."""

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Mean:
    """The mean of a metric over `num_runs` runs, with what its variance is made of.

    `influence` (G,) is that of each group of examples; `runs` is the variance that the runs add,
    (V - L) / S, and `luck` is L / S. `examples` is the number of examples that support a value
    without variance, such as all right.
    """

    metric: Metric
    value: float
    influence: NDArray
    runs: float
    luck: float
    num_runs: int
    examples: float

    def interval(self) -> Interval:
        variance, freedom = _add(
            examples_variance(self.influence), len(self.influence), [self], 1.0
        )
        return Interval(
            self.value, *metric_bounds(self.metric, self.value, variance, freedom, self.examples)
        )

    def minus(self, other: Mean) -> Difference:
        """The difference to a mean of the same metric over the same examples, in the same order."""
        value, groups = self.value - other.value, len(self.influence)
        from_examples = max(
            examples_variance(self.influence - other.influence), self._least_variance(other)
        )
        has_two = 2 in (self.num_runs, other.num_runs)
        luck = (LUCK_IN_INTERVALS, LUCK_IN_P_VALUES) if has_two else (0.0, 0.0)
        low, high = bounds(value, *_add(from_examples, groups, [self, other], luck[0]))
        low, high = max(low, -self.metric.span), min(high, self.metric.span)
        p = _p_value(value, *_add(from_examples, groups, [self, other], luck[1]), groups)
        return Difference(value, low, high, p)

    def _least_variance(self, other: Mean) -> float:
        """The variance of a difference of 0 between techniques that agree on every example.

        It is that of two more examples, each right with one technique only (Bonett and Price,
        J. Educ. Behav. Stat. 37, 2012). Without it, thirty of thirty right twice would be a
        difference of 0 without any doubt.
        """
        return 2 / (min(self.examples, other.examples) + 2) ** 2 if self.metric.is_fraction else 0.0


def average(metric: Metric, estimates: Sequence[Estimate]) -> Mean:
    """The mean over runs tested on the same examples; of one run, how runs differ stays unknown."""
    count = len(estimates)
    influence = np.mean([one.influence for one in estimates], axis=0)
    values = np.array([one.value for one in estimates])
    runs = luck = 0.0
    if count > 1:
        luck = (
            sum(examples_variance(one.influence - influence) for one in estimates)
            / (count - 1)
            / count
        )
        runs = max(0.0, float(values.var(ddof=1)) / count - luck)
    examples = min(one.examples for one in estimates)
    return Mean(metric, float(values.mean()), influence, runs, luck, count, examples)


def _add(
    examples: float, groups: int, means: Sequence[Mean], luck_counted: float
) -> tuple[float, float]:
    """The sum of the variances of examples and runs, and its degrees of freedom.

    The runs of both sides of a difference are one part, with the freedom of the side that has
    fewer: its runs may agree by chance, and Satterthwaite's rule would then trust the other side's
    too much. `luck_counted` of the luck is added to the runs' part where their freedom is weighed,
    since V - L is as uncertain as V; it does not change the variance.
    """
    runs, luck = sum(mean.runs for mean in means), sum(mean.luck for mean in means)
    fewest = min((mean.num_runs for mean in means if mean.num_runs > 1), default=1)
    spread = examples**2 / (groups - 1) if groups > 1 else math.inf
    if fewest > 1:
        spread += (runs + luck_counted * luck) ** 2 / (fewest - 1)
    variance = examples + runs
    return variance, variance**2 / spread if spread > 0 else groups - 1


def _p_value(difference: float, variance: float, freedom: float, groups: int) -> float:
    """The two-sided p-value of Student's t; nan of too few groups."""
    if groups < FEWEST_GROUPS or math.isnan(difference):
        return math.nan
    if variance == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(difference) / math.sqrt(variance)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm, Scand. J. Statist. 6, 1979), without nan."""
    p = np.asarray(p_values, float)
    corrected = np.full(len(p), np.nan)
    order = [i for i in np.argsort(p) if not np.isnan(p[i])]
    reached = 0.0
    for rank, i in enumerate(order):
        reached = max(reached, min(1.0, p[i] * (len(order) - rank)))
        corrected[i] = reached
    return corrected.tolist()
