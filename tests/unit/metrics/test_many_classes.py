"""Metrics of many classes equal the plain formulas, and need no table larger than the scores."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from graft.metrics.classification import auroc, macro_f1, per_class
from graft.metrics.metric import influence_by_omission

CLASSES, EXAMPLES = 200, 5_000


def predictions(classes: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, C) that favor the right class, and targets (N,)."""
    rng = np.random.default_rng(0)
    targets = rng.integers(classes, size=examples)
    scores = rng.random((examples, classes))
    scores[np.arange(examples), targets] += rng.random(examples)
    return scores / scores.sum(axis=1, keepdims=True), targets


@pytest.fixture(scope="module")
def many():
    return predictions(CLASSES, EXAMPLES)


def peak_bytes(compute) -> int:
    """The most memory that a call holds at once, besides what is there before."""
    tracemalloc.start()
    compute()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_they_equal_the_plain_formulas(many):
    scores, targets = many
    assert auroc(scores, targets) == pytest.approx(
        roc_auc_score(targets, scores, multi_class="ovr")
    )
    assert macro_f1(scores, targets) == pytest.approx(
        f1_score(targets, scores.argmax(axis=1), average="macro")
    )


@pytest.mark.parametrize("metric", [auroc, macro_f1], ids=lambda metric: metric.name)
def test_no_table_is_larger_than_a_part_of_the_scores(many, metric):
    # The scores are 8 MB. Pairs of examples would be 200 MB, a table of counts by class 24 MB.
    scores, targets = many
    each = np.arange(EXAMPLES)
    assert peak_bytes(lambda: metric(scores, targets)) < scores.nbytes / 4
    weighed = metric.measure(scores, targets)
    assert peak_bytes(lambda: weighed.influence(each)) < scores.nbytes / 4


def test_classes_are_counted_without_a_table(many):
    scores, targets = many
    names = [str(number) for number in range(CLASSES)]
    assert peak_bytes(lambda: per_class(scores, targets, names)) < scores.nbytes / 4


@pytest.mark.parametrize("groups", [7, 300])
@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
def test_the_influence_of_macro_f1_is_the_jackknife(several, groups):
    # Forty classes and 300 examples: some classes occur in one cluster only, and are undefined
    # without it.
    scores, targets = predictions(40, 300)
    if several:
        targets = np.eye(40, dtype=int)[targets] | (
            np.random.default_rng(1).random((300, 40)) < 0.02
        )
        scores = np.clip(scores * 12, 0, 1)
    number = np.arange(300) % groups
    rest = [number != cluster for cluster in range(groups)]
    plain = influence_by_omission(
        np.array([macro_f1(scores[rows], targets[rows]) for rows in rest])
    )
    influence = macro_f1.measure(scores, targets).influence(number)
    np.testing.assert_allclose(influence, plain, atol=1e-15 * 300)
