"""The statistics of the report against simulated studies, exact tests and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp, ttest_ind

from graft.metrics.classification import accuracy, auroc, macro_f1
from graft.metrics.intervals import clusters, estimate
from graft.metrics.language import bits_per_byte
from graft.metrics.metric import Metric, metric_of_sums, ratio
from graft.reports.statistics import Mean, average, holm

plain_mean = metric_of_sums("gain", lambda scores, targets: scores, ratio, is_fraction=False)
"""A mean of any numbers, which knows no bounds."""


def mean(scores: np.ndarray, together: np.ndarray | None = None, metric: Metric = accuracy) -> Mean:
    """The mean over examples of scores (S, N) of S runs."""
    together = np.arange(scores.shape[1]) if together is None else together
    return average(metric, [estimate(metric, _terms(row), together) for row in scores])


def plain(scores: np.ndarray) -> Mean:
    """As `mean`, of numbers that know no bounds."""
    return mean(scores, metric=plain_mean)


def _terms(row: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(row, float), np.ones(len(row))], axis=1)


def study(
    rng: np.random.Generator,
    seeds: int,
    size: int,
    seed_sd: float,
    groups: int = 2,
    shift: float = 0.0,
) -> list[np.ndarray]:
    """Return right or wrong (S, N) for each group.

    Examples differ in difficulty, seeds in skill, and each pair of them has its luck.
    """
    difficulty = rng.normal(1.2, 1.5, size=size)
    skill = [rng.normal(shift * g, seed_sd, size=(seeds, 1)) for g in range(groups)]
    return [
        (difficulty + s + rng.normal(0, 0.5, size=(seeds, size)) > 0).astype(float) for s in skill
    ]


def expected(seed_sd: float, shift: float = 0.0) -> float:
    return float(norm.cdf((1.2 + shift) / np.sqrt(1.5**2 + 0.5**2 + seed_sd**2)))


@pytest.mark.parametrize(
    ("seeds", "size", "seed_sd"), [(3, 150, 0.1), (3, 600, 0.05), (8, 300, 0.2)]
)
def test_intervals_cover_the_truth_nineteen_times_in_twenty(seeds, size, seed_sd):
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        (scores,) = study(rng, seeds, size, seed_sd, groups=1)
        interval = mean(scores).interval()
        covered += interval.low <= expected(seed_sd) <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_a_real_difference_is_found_and_covered():
    rng = np.random.default_rng(3)
    truth = expected(0.05, 0.5) - expected(0.05)
    found, covered = 0, 0
    for _ in range(100):
        a, b = study(rng, 3, 400, 0.05, shift=0.5)
        difference = mean(b).minus(mean(a))
        found += difference.p < 0.05
        covered += difference.low <= truth <= difference.high
    assert found >= 95
    assert covered >= 90


def test_examples_of_one_group_count_as_one_in_intervals_and_errors():
    """40 texts of 8 questions, all right or all wrong: two equal techniques in 200 studies."""
    rng = np.random.default_rng(7)
    texts, covered, found = np.repeat(np.arange(40), 8), {True: 0, False: 0}, {True: 0, False: 0}
    for _ in range(200):
        ease = rng.normal(0, 1, (2, 1, 40))[:, :, texts]
        a, b = ((e + rng.normal(0, 0.5, (3, 320)) > 0).astype(float) for e in ease)
        for is_grouped in (True, False):
            together = clusters(texts.tolist()) if is_grouped else np.arange(320)
            interval = mean(a, together).interval()
            covered[is_grouped] += interval.low <= 0.5 <= interval.high
            found[is_grouped] += mean(a, together).minus(mean(b, together)).p < 0.05
    assert covered[True] / 200 >= 0.91
    assert covered[False] / 200 <= 0.75
    assert found[True] / 200 <= 0.09
    assert found[False] / 200 >= 0.25


def test_pairing_by_example_is_what_makes_small_differences_visible():
    rng = np.random.default_rng(4)
    a = (rng.random((3, 500)) < 0.7).astype(float)
    a[:] = a[0]
    b = a.copy()
    b[:, np.flatnonzero(a[0] == 0)[:15]] = 1
    difference = mean(b).minus(mean(a))
    assert difference.value == pytest.approx(0.03)
    # 15 of 500 examples differ, all one way: the standard error is that of a proportion of 0.03
    error = np.sqrt(0.03 * 0.97 / 500)
    assert (difference.low, difference.high) == pytest.approx(
        (0.03 - 1.96 * error, 0.03 + 1.96 * error), abs=0.001
    )
    assert mean(a).interval().high > mean(b).interval().low, "unpaired, the intervals overlap"


def test_one_run_each_is_the_paired_t_test():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, 80), rng.normal(0.25, 1, 80)
    difference, exact = plain(b[None]).minus(plain(a[None])), ttest_1samp(b - a, 0)
    assert difference.p == pytest.approx(exact.pvalue)
    assert (difference.low, difference.high) == pytest.approx(
        tuple(exact.confidence_interval(0.95))
    )


def test_runs_that_differ_and_examples_that_do_not_are_the_t_test_between_runs():
    a, b = np.array([0.1, 0.5, 0.6]), np.array([0.9, 0.7, 1.1])
    difference = plain(np.tile(b[:, None], 50)).minus(plain(np.tile(a[:, None], 50)))
    # The degrees of freedom are those of one side, as in the paired test; Student's test counts
    # both sides.
    assert difference.value / math.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 3) == pytest.approx(
        ttest_ind(b, a).statistic
    )
    assert ttest_ind(b, a).pvalue < difference.p < 0.2


def test_luck_on_single_examples_is_counted_once():
    """Runs of equal skill vary by luck alone, which the variance over examples already has."""
    rng = np.random.default_rng(8)
    false, runs, luck = 0, 0.0, 0.0
    for _ in range(400):
        a, b = (mean(scores) for scores in study(rng, 3, 200, 0.0))
        false += a.minus(b).p < 0.05
        runs, luck = runs + a.runs, luck + a.luck
    assert 0.02 <= false / 400 <= 0.08
    # V / L is exponential for three runs, so the positive part of V - L is exp(-1) L on average.
    # The bound is four standard errors.
    assert runs / luck == pytest.approx(math.exp(-1), abs=4 * 0.775 / math.sqrt(400))


@pytest.mark.parametrize("groups", [2, 4])
def test_fewer_than_five_groups_give_no_p_value(groups):
    rng = np.random.default_rng(9)
    a, b = (rng.random((3, 100)) < 0.7).astype(float), np.ones((3, 100))
    together = np.arange(100) % groups
    assert math.isnan(mean(b, together).minus(mean(a, together)).p)
    enough = np.arange(100) % 5
    assert mean(b, enough).minus(mean(a, enough)).p < 0.05


def test_two_techniques_that_agree_everywhere_may_still_differ():
    right = np.ones((3, 30))
    difference = mean(right).minus(mean(right))
    assert (difference.value, difference.p) == (0, 1)
    # As many as 3 of 30 may differ and no one see it (the rule of three).
    assert difference.high == pytest.approx(-difference.low) == pytest.approx(0.1, abs=0.02)


def test_a_mean_that_is_all_right_is_no_certainty():
    interval = mean(np.ones((3, 30))).interval()
    assert (interval.value, interval.high) == (1, 1)
    assert interval.low == pytest.approx(0.884, abs=0.02)


def test_a_deterministic_baseline_has_no_part_over_runs():
    rng = np.random.default_rng(10)
    one = (rng.random((1, 200)) < 0.7).astype(float)
    assert mean(one).runs == 0
    thrice, once = mean(np.repeat(one, 3, axis=0)).interval(), mean(one).interval()
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


@pytest.mark.parametrize("metric", [auroc, macro_f1], ids=lambda metric: metric.name)
@pytest.mark.parametrize("seed_sd", [0.0, 0.3])
def test_metrics_that_are_no_means_are_right_as_often_as_stated(metric, seed_sd):
    """Two equal techniques, three runs each; a run's skill is how far it separates the classes."""
    rng = np.random.default_rng(11)
    together, false, covered = np.arange(150), 0, 0
    for _ in range(300):
        targets = rng.integers(3, size=150)
        ease = rng.normal(size=(150, 3))
        both = []
        for _ in range(2):
            view, runs = rng.normal(size=(150, 3)) * 0.6, []
            for skill in rng.normal(1.5, seed_sd, 3):
                logits = ease + view + 0.7 * rng.normal(size=(150, 3)) + skill * np.eye(3)[targets]
                scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                runs.append(estimate(metric, metric.terms(scores, targets), together))
            both.append(average(metric, runs))
        difference = both[0].minus(both[1])
        false += difference.p < 0.05
        covered += difference.low <= 0 <= difference.high
    assert 0.015 <= false / 300 <= 0.08
    assert 0.92 <= covered / 300 <= 0.985


def test_what_is_no_fraction_may_lie_anywhere():
    nats = np.array([[10.0, 4, 8], [2, 4, 8], [6, 4, 8], [7, 4, 8], [3, 4, 8]])
    run = estimate(bits_per_byte, nats, np.arange(5))
    interval = average(bits_per_byte, [run]).interval()
    assert interval.value == pytest.approx(nats[:, 0].sum() / 40 / math.log(2))
    assert interval.high - interval.value == pytest.approx(interval.value - interval.low)


def test_a_difference_of_fractions_has_no_bound_beyond_one():
    """Two very different seeds: Student's t with one degree of freedom would exceed the bound."""
    wild = np.array([[1.0] * 20, [0.0] * 19 + [1.0]])
    apart = mean(wild).minus(mean(np.zeros((2, 20))))
    assert (apart.low, apart.high) == (-1.0, 1.0)


def test_holm_on_published_examples():
    # the example of the English Wikipedia article "Holm-Bonferroni method":
    # H4 and H1 are rejected at 0.05, H2 and H3 are not
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # what R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") prints
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_holm_leaves_out_what_is_unknown():
    corrected = holm([0.02, float("nan"), 0.9])
    assert corrected[0] == pytest.approx(0.04)
    assert np.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.9)
    assert holm([]) == []
    assert holm([0.7]) == [0.7]
