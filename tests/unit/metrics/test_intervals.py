from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from graft.metrics.classification import accuracy, auroc, macro_f1
from graft.metrics.intervals import FEWEST_GROUPS, bootstrap, percentiles


def hits(share: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of which `share` are right."""
    targets = np.zeros(size, int)
    wrong = np.arange(size) >= round(share * size)
    return np.stack([~wrong, wrong], axis=1).astype(float), targets


def test_the_interval_of_a_proportion_is_the_binomial_one():
    value, low, high = bootstrap(accuracy, *hits(0.8, 400))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert value == 0.8
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.006)


def test_sums_and_plain_resampling_agree():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=300)
    scores = rng.dirichlet(np.ones(3), size=300) + np.eye(3)[targets] * 0.3
    rows = rng.integers(300, size=(2000, 300))
    plain = percentiles(np.array([macro_f1(scores[drawn], targets[drawn]) for drawn in rows]))
    assert bootstrap(macro_f1, scores, targets, resamples=2000)[1:] == pytest.approx(plain, abs=0.01)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        right = rng.random(150) < 0.7
        scores = np.stack([right, ~right], axis=1).astype(float)
        _, low, high = bootstrap(accuracy, scores, np.zeros(150, int), resamples=300, seed=trial)
        covered += low <= 0.7 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_the_seed_fixes_the_interval():
    assert bootstrap(accuracy, *hits(0.7, 50), seed=3) == bootstrap(accuracy, *hits(0.7, 50), seed=3)
    assert bootstrap(accuracy, *hits(0.7, 50), seed=3) != bootstrap(accuracy, *hits(0.7, 50), seed=4)


def test_copies_of_one_group_make_no_interval_narrower():
    scores, targets = hits(0.7, 50)
    thrice = np.tile(np.arange(50), 3)
    once = bootstrap(accuracy, scores, targets)
    assert bootstrap(accuracy, scores[thrice], targets[thrice], [f"text {i}" for i in thrice]) == once
    _, low, high = bootstrap(accuracy, scores[thrice], targets[thrice])
    assert high - low < 0.65 * (once[2] - once[1])


def test_large_groups_weigh_what_they_hold():
    right = np.array([1] * 60 + [0] * 20)
    groups = ["large"] * 60 + [f"small {i}" for i in range(20)]
    value, low, high = bootstrap(accuracy, np.stack([right, 1 - right], axis=1), np.zeros(80, int), groups)
    assert value == 0.75
    assert low == 0, "a third of the resamples is without the large group"
    assert high > 0.9


@pytest.mark.parametrize("groups", [FEWEST_GROUPS - 1, 1])
def test_too_few_groups_leave_each_example_for_itself(groups):
    scores, targets = hits(0.7, 60)
    few = [f"speaker {i % groups}" for i in range(60)]
    assert bootstrap(accuracy, scores, targets, few) == bootstrap(accuracy, scores, targets)


def test_resamples_without_a_value_are_left_out():
    scores = np.array([[0.1, 0.9], [0.6, 0.4], [0.7, 0.3], [0.8, 0.2]])
    value, low, high = bootstrap(auroc, scores, np.array([1, 0, 0, 0]))
    assert (value, low, high) == (1, 1, 1)
    assert np.isnan(bootstrap(auroc, scores, np.zeros(4, int))).all()
    assert np.isnan(bootstrap(accuracy, np.zeros((0, 2)), np.zeros(0, int))).all()


def test_resampled_auroc_equals_scikit_learn_on_the_resample():
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=60)
    scores = rng.integers(5, size=(60, 3)).astype(float) + np.eye(3)[targets]
    counts = rng.integers(3, size=(4, 60)).astype(float)
    rows = [np.repeat(np.arange(60), row.astype(int)) for row in counts]
    expected = [np.mean([roc_auc_score(targets[r] == c, scores[r, c]) for c in range(3)]) for r in rows]
    assert auroc.weigh(scores, targets)(counts) == pytest.approx(expected)
