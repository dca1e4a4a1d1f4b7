from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from graft.metrics.intervals import estimate, examples_variance, interval
from graft.metrics.metric import influence_by_omission, plain_term
from graft.metrics.regression import METRICS, mae, pearson, r2, rmse, spearman

EVERY = tuple(METRICS.values())


def drawn(size: int = 80, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of numbers around 1,000 that are right by and large."""
    rng = np.random.default_rng(seed)
    targets = 1000 + 20 * rng.normal(size=size)
    scores = targets + 15 * rng.normal(size=size)
    return (scores.round(-1), targets.round(-1)) if ties else (scores, targets)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_they_equal_scikit_learn_and_scipy(seed, ties):
    scores, targets = drawn(seed=seed, ties=ties)
    assert rmse(scores, targets) == pytest.approx(sk.root_mean_squared_error(targets, scores))
    assert mae(scores, targets) == pytest.approx(sk.mean_absolute_error(targets, scores))
    assert r2(scores, targets) == pytest.approx(sk.r2_score(targets, scores))
    assert pearson(scores, targets) == pytest.approx(stats.pearsonr(scores, targets).statistic)
    assert spearman(scores, targets) == pytest.approx(stats.spearmanr(scores, targets).statistic)


def test_by_hand():
    scores, targets = np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 5.0])
    assert rmse(scores, targets) == pytest.approx(math.sqrt(2 / 3))
    assert mae(scores, targets) == pytest.approx(2 / 3)
    assert r2(scores, targets) == pytest.approx(1 - 2 / 6)
    assert spearman(scores, targets) == pytest.approx(math.sqrt(3) / 2)


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_perfect_predictions_are_best(metric):
    _, targets = drawn()
    assert metric(targets, targets) == pytest.approx(metric.best)


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_a_large_mean_swallows_no_variance(metric):
    # Shifted by a million standard deviations; 64-bit numbers keep ten of sixteen digits of them.
    scores, targets = drawn()
    shifted = metric(scores + 2e7, targets + 2e7)
    assert shifted == pytest.approx(metric(scores, targets), rel=1e-7)


@pytest.mark.parametrize("metric", [pearson, spearman], ids=lambda metric: metric.name)
def test_the_correlation_of_a_constant_is_undefined(metric):
    _, targets = drawn()
    # A mean whose sum rounds: its 80 copies must not seem to vary.
    constant = np.full(80, targets.mean() / 3)
    for scores, true in ((constant, targets), (targets, constant), (constant, constant)):
        assert np.isnan(interval(metric, scores, true)).all()
    assert "is undefined where all predictions, or all true values, are equal." in (
        metric.why_undefined
    )


def test_constant_targets_have_no_r2():
    scores, _ = drawn()
    value, low, high = interval(r2, scores, np.full(80, 0.1))
    assert np.isnan([value, low, high]).all()
    assert r2(np.full(80, 7.0), drawn()[1]) < 0


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_nothing_to_measure_is_nan(metric):
    assert np.isnan(metric(np.zeros(0), np.zeros(0)))


@pytest.mark.parametrize("groups", [80, 16])
@pytest.mark.parametrize("metric", [rmse, mae, r2, pearson], ids=lambda metric: metric.name)
def test_the_influence_of_sums_is_the_jackknife(metric, groups):
    scores, targets = drawn()
    number = np.arange(80) % groups
    rest = [number != cluster for cluster in range(groups)]
    without = np.array([metric(scores[rows], targets[rows]) for rows in rest])
    influence = metric.measure(scores, targets).influence(number)
    np.testing.assert_allclose(
        influence, influence_by_omission(without), atol=1e-9 * abs(without).max()
    )


@pytest.mark.parametrize("ties", [False, True])
def test_the_influence_on_ranks_is_that_of_a_little_more_weight(ties):
    """An example counted 1 + h times moves the value by h times its influence, by definition."""
    scores, targets = drawn(30, ties=ties)
    step, moved = 1e-6, []
    for row in range(30):
        weights = np.ones(30)
        weights[row] += step
        moved.append(_weighted_spearman(scores, targets, weights))
    expected = (np.array(moved) - _weighted_spearman(scores, targets, np.ones(30))) / step
    influence = spearman.measure(scores, targets).influence(np.arange(30))
    # Differences of 1e-6 have ten of sixteen digits, their quotients an error in the order of step.
    np.testing.assert_allclose(influence, expected, atol=1e-6)
    assert influence.sum() == pytest.approx(0, abs=1e-12)


def _weighted_spearman(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    shares = [
        ((side[:, None] > side) + (side[:, None] == side) / 2) @ weights / weights.sum()
        for side in (x, y)
    ]
    means = [np.average(share, weights=weights) for share in shares]
    f, g = (share - mean for share, mean in zip(shares, means, strict=True))
    return (weights @ (f * g)) / math.sqrt((weights @ f**2) * (weights @ g**2))


def test_the_influence_of_groups_on_ranks_is_that_of_their_examples():
    scores, targets = drawn()
    weighed = spearman.measure(scores, targets)
    each = weighed.influence(np.arange(80))
    number = np.arange(80) % 7
    assert weighed.influence(number) == pytest.approx(
        [each[number == group].sum() for group in range(7)]
    )


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_intervals_hold_the_truth_as_often_as_stated(metric):
    truth = metric(*drawn(200_000, seed=9))
    covered = 0
    for seed in range(300):
        _, low, high = interval(metric, *drawn(150, seed=100 + seed))
        covered += low <= truth <= high
    # 95 % of 300 with three standard errors on either side.
    assert 0.91 <= covered / 300 <= 0.99


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_what_was_written_as_json_gives_equal_evidence(metric):
    terms = metric.terms(*drawn())
    read = [json.loads(json.dumps(plain_term(term))) for term in terms]
    before, after = (estimate(metric, each, np.arange(80) // 2) for each in (terms, read))
    assert before.value == after.value
    assert np.array_equal(before.influence, after.influence)
    assert examples_variance(before.influence) > 0


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.name)
def test_bounds_lie_within_what_the_metric_can_be(metric):
    rng = np.random.default_rng(0)
    targets = rng.normal(size=6)
    value, low, high = interval(metric, targets + 0.01 * rng.normal(size=6), targets)
    assert metric.limits[0] <= low <= value <= high <= metric.limits[1]
