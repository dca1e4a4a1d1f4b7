from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import roc_auc_score

from graft.metrics.classification import METRICS, accuracy, auroc, brier, ece, f1, macro_f1
from graft.metrics.intervals import bounds, clusters, examples_variance, fraction_bounds, interval

NINE_GROUPS = 9


def hits(share: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of which `share` are right."""
    targets = np.zeros(size, int)
    wrong = np.arange(size) >= round(share * size)
    return np.stack([~wrong, wrong], axis=1).astype(float), targets


def answers(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and targets of which these are right."""
    return np.stack([right, ~right], axis=1).astype(float), np.zeros(len(right), int)


def test_the_interval_of_a_proportion_is_the_binomial_one():
    value, low, high = interval(accuracy, *hits(0.8, 400))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert value == 0.8
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.006)


@pytest.mark.parametrize("size", [30, 150])
def test_all_right_is_no_certainty(size):
    exact = beta.ppf(0.025, size, 1)  # Clopper and Pearson
    value, low, high = interval(accuracy, *hits(1, size))
    assert (value, high) == (1, 1)
    assert low == pytest.approx(exact, abs=0.02)
    assert interval(accuracy, *hits(0, size)) == (0, 0, pytest.approx(1 - low))


@pytest.mark.parametrize(
    ("accuracy_of_all", "size"), [(0.7, 150), (0.85, 150), (0.97, 150), (0.99, 150), (0.97, 30)]
)
def test_the_interval_covers_the_truth_nineteen_times_in_twenty(accuracy_of_all, size):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(500):
        _, low, high = interval(accuracy, *answers(rng.random(size) < accuracy_of_all))
        covered += low <= accuracy_of_all <= high
    assert 0.925 <= covered / 500 <= 0.99


def test_one_error_more_makes_an_interval_no_narrower():
    """With errors so few that their variance says nothing, in groups and without."""
    for groups in ((), [i // 10 for i in range(300)]):
        lows = [interval(accuracy, *hits(1 - errors / 300, 300), groups)[1] for errors in range(4)]
        assert lows == sorted(lows, reverse=True)


@pytest.mark.parametrize("groups", [5, NINE_GROUPS])
def test_few_groups_are_drawn_as_groups(groups):
    """A third of the variance is common to a group: an interval of 300 lone examples would cover
    half of the time."""
    rng = np.random.default_rng(groups)
    number = np.arange(300) * groups // 300
    covered = 0
    for _ in range(400):
        common = rng.normal(size=groups)[number] * np.sqrt(0.3)
        right = 1.04 + common + rng.normal(size=300) * np.sqrt(0.7) > 0  # 85 % of them
        _, low, high = interval(accuracy, *answers(right), number.tolist())
        covered += low <= 0.851 <= high
    assert 0.89 <= covered / 400 <= 0.99


def test_copies_of_one_group_make_no_interval_narrower():
    scores, targets = hits(0.7, 50)
    thrice = np.tile(np.arange(50), 3)
    once = interval(accuracy, scores, targets)
    copied = interval(accuracy, scores[thrice], targets[thrice], [f"text {i}" for i in thrice])
    assert copied == pytest.approx(once, abs=0.01)
    _, low, high = interval(accuracy, scores[thrice], targets[thrice])
    assert high - low < 0.65 * (once[2] - once[1])


def test_large_groups_weigh_what_they_hold():
    right = np.array([True] * 60 + [False] * 20)
    groups = ["large"] * 60 + [f"small {i}" for i in range(20)]
    value, low, high = interval(accuracy, *answers(right), groups)
    assert value == 0.75
    assert low < 0.2, "another test set may lack the large group"
    assert high > 0.9


def test_one_group_has_no_interval():
    value, low, high = interval(accuracy, *hits(0.7, 50), ["one speaker"] * 50)
    assert value == 0.7
    assert np.isnan([low, high]).all()


def test_what_is_undefined_has_no_interval():
    scores = np.array([[0.1, 0.9], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2]])
    assert np.isnan(interval(auroc, scores, np.zeros(4, int))).all()
    assert np.isnan(interval(accuracy, np.zeros((0, 2)), np.zeros(0, int))).all()


def test_calibration_error_has_a_value_and_no_interval():
    """It is biased upwards on each resample, so that an interval around it would be of something
    else."""
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 150)
    value, low, high = interval(
        ece,
        np.stack([confidence, 1 - confidence], axis=1),
        (rng.random(150) > confidence).astype(int),
    )
    assert value > 0
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("name", ["auroc", "f1", "macro_f1"])
def test_a_perfect_value_of_any_metric_is_no_certainty(name):
    targets = np.arange(40) % 2
    scores = np.eye(2)[targets]
    value, low, high = interval(METRICS[name], scores, targets)
    assert (value, high) == (1, 1)
    assert 0.7 < low < 0.95


def shifted(rng: np.random.Generator, size: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that name the class of an example more often than not."""
    targets = rng.integers(classes, size=size)
    logits = rng.normal(size=(size, classes)) + 1.5 * np.eye(classes)[targets]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), targets


@pytest.mark.parametrize(
    ("metric", "classes"),
    [(auroc, 2), (auroc, 5), (f1, 2), (macro_f1, 5)],
    ids=lambda x: getattr(x, "name", x),
)
def test_intervals_of_metrics_that_are_no_means_cover_the_truth(metric, classes):
    rng = np.random.default_rng(classes)
    truth = metric(*shifted(rng, 200_000, classes))
    covered = 0
    for _ in range(300):
        _, low, high = interval(metric, *shifted(rng, 150, classes))
        covered += low <= truth <= high
    assert 0.92 <= covered / 300 <= 0.99


def test_the_jackknife_of_sums_leaves_each_group_out():
    rng = np.random.default_rng(0)
    scores, targets = shifted(rng, 60, 3)
    number = np.arange(60) % 7
    without = np.array([macro_f1(scores[number != g], targets[number != g]) for g in range(7)])
    expected = (without.mean() - without) * 6 / 7
    assert macro_f1.measure(scores, targets).influence(number) == pytest.approx(expected)


def test_the_variance_of_auroc_is_delongs():
    """By its definition, from every pair (DeLong et al., 1988, formula 5)."""
    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=60)
    scores = rng.integers(8, size=60).astype(float) + 2 * targets
    true, false = scores[targets == 1], scores[targets == 0]
    wins = (true[:, None] > false) + (true[:, None] == false) / 2
    variance = wins.mean(1).var(ddof=1) / len(true) + wins.mean(0).var(ddof=1) / len(false)
    both = np.stack([-scores, scores], axis=1)
    assert auroc(both, targets) == pytest.approx(wins.mean()) == roc_auc_score(targets, scores)
    influence = auroc.measure(both, targets).influence(np.arange(60))
    assert examples_variance(influence) * 59 / 60 == pytest.approx(variance)


def test_auroc_of_several_classes_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=60)
    scores = rng.integers(5, size=(60, 3)).astype(float) + np.eye(3)[targets]
    expected = np.mean([roc_auc_score(targets == c, scores[:, c]) for c in range(3)])
    assert auroc(scores, targets) == pytest.approx(expected)


def test_clusters_are_numbered_in_order():
    assert clusters(["b", "a", "b"]).tolist() == [0, 1, 0]


@pytest.mark.parametrize("truth", [0, 1], ids=["nearly always right", "nearly always wrong"])
def test_a_brier_score_has_no_bound_beyond_0_and_1(truth):
    """Its few large errors, or few small ones, make the plain interval wider than that."""
    sure = np.where(np.arange(20) == 0, 0.05, 0.999)
    value, low, high = interval(brier, np.stack([sure, 1 - sure], axis=1), np.full(20, truth))
    assert 0 <= low < value < high <= 1
    assert (low, high)[truth] == truth


def test_below_one_degree_of_freedom_an_interval_has_no_end():
    assert bounds(0.5, 0.01, 0.3) == (-math.inf, math.inf)
    assert bounds(0.5, 0.0, 0.3) == (0.5, 0.5)
    low, high = bounds(0.5, 0.01, 1.0)
    assert fraction_bounds(0.5, 0.01, 0.3, 100) == (0.0, 1.0)
    assert high - 0.5 == pytest.approx(0.5 - low) == pytest.approx(0.1 * 12.7062, rel=1e-4)
