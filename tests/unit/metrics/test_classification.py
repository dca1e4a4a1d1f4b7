from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.functional.classification import multiclass_calibration_error, multilabel_auroc

from graft.metrics.classification import (
    accuracy,
    auroc,
    brier,
    confusion,
    ece,
    f1,
    macro_f1,
    per_class,
)


def single(classes: int, size: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(size=(size, classes)), rng.integers(classes, size=size)
    logits[np.arange(size), targets] += 1
    scores = np.exp(logits)
    return scores / scores.sum(axis=1, keepdims=True), targets


def several(classes: int = 4, size: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(2, size=(size, classes))
    return 1 / (1 + np.exp(-(rng.normal(size=(size, classes)) + 2 * targets - 1))), targets


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("seed", [0, 1])
def test_single_label_equals_scikit_learn(classes, seed):
    scores, targets = single(classes, seed=seed)
    predicted = scores.argmax(axis=1)
    assert accuracy(scores, targets) == pytest.approx(sk.accuracy_score(targets, predicted))
    assert macro_f1(scores, targets) == pytest.approx(
        sk.f1_score(targets, predicted, average="macro")
    )
    expected = (
        sk.roc_auc_score(targets, scores[:, 1])
        if classes == 2
        else sk.roc_auc_score(targets, scores, multi_class="ovr")
    )
    assert auroc(scores, targets) == pytest.approx(expected)
    truth = np.eye(classes)[targets]
    assert brier(scores, targets) == pytest.approx(((scores - truth) ** 2).sum() / 2 / len(targets))
    assert (confusion(scores, targets) == sk.confusion_matrix(targets, predicted)).all()
    table = per_class(scores, targets, [str(c) for c in range(classes)])
    for row, expected_row in zip(
        table.values(),
        zip(*sk.precision_recall_fscore_support(targets, predicted), strict=True),
        strict=True,
    ):
        assert list(row.values()) == pytest.approx(expected_row)


def test_binary_metrics_are_those_of_the_second_class():
    scores, targets = single(2)
    assert f1(scores, targets) == pytest.approx(sk.f1_score(targets, scores.argmax(axis=1)))
    assert brier(scores, targets) == pytest.approx(sk.brier_score_loss(targets, scores[:, 1]))


@pytest.mark.parametrize("classes", [2, 5])
def test_calibration_equals_torchmetrics(classes):
    scores, targets = single(classes)
    expected = multiclass_calibration_error(
        torch.tensor(scores), torch.tensor(targets), num_classes=classes, n_bins=15
    )
    assert ece(scores, targets) == pytest.approx(float(expected), abs=1e-6)


def test_calibration_by_hand():
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.35, 0.65]])
    targets = np.array([0, 1, 1, 1])
    # (0.867, 0.933] holds 0.9 twice, half of them right;
    # (0.533, 0.6] and (0.6, 0.667] hold one right prediction each
    assert ece(scores, targets) == pytest.approx((2 * 0.4 + 0.4 + 0.35) / 4)


def test_several_labels_equal_scikit_learn_and_torchmetrics():
    scores, targets = several()
    predicted = scores >= 0.5
    assert accuracy(scores, targets) == pytest.approx(sk.accuracy_score(targets, predicted))
    assert macro_f1(scores, targets) == pytest.approx(
        sk.f1_score(targets, predicted, average="macro")
    )
    assert f1(scores, targets) == pytest.approx(sk.f1_score(targets, predicted, average="micro"))
    expected = float(multilabel_auroc(torch.tensor(scores), torch.tensor(targets), num_labels=4))
    assert auroc(scores, targets) == pytest.approx(expected, abs=1e-6)
    assert brier(scores, targets) == pytest.approx(np.mean((scores - targets) ** 2))
    assert per_class(scores, targets, list("abcd"))["c"]["recall"] == pytest.approx(
        sk.recall_score(targets[:, 2], predicted[:, 2])
    )


def test_by_hand():
    scores = np.array([[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    targets = np.array([0, 1, 1, 1])
    assert accuracy(scores, targets) == 0.75
    assert macro_f1(scores, targets) == pytest.approx((2 / 3 + 4 / 5) / 2), (
        "the third class occurs nowhere: left out"
    )
    table = per_class(scores, targets, ["a", "b", "c"])
    assert table["b"] == {
        "precision": 1.0,
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(0.8),
        "support": 3,
    }
    assert np.isnan([table["c"]["precision"], table["c"]["recall"], table["c"]["f1"]]).all()
    assert confusion(scores, targets).tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]


def test_ties_count_half_in_auroc():
    assert auroc(np.full((6, 2), 0.5), np.array([0, 1, 0, 1, 1, 0])) == 0.5


@pytest.mark.parametrize("metric", [accuracy, macro_f1, f1, auroc, ece, brier])
def test_nothing_to_measure_is_nan(metric):
    assert np.isnan(metric(np.zeros((0, 2)), np.zeros(0, int)))
    assert np.isnan(metric(np.zeros((0, 3)), np.zeros((0, 3), int)))


def test_undefined_is_nan():
    assert np.isnan(auroc(np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([1, 1])))
    assert np.isnan(f1(*single(3)))
    assert np.isnan(f1(np.array([[0.9, 0.1]]), np.array([0])))


def test_float32_scores_and_perfect_predictions():
    targets = np.arange(10)
    scores = np.eye(10, dtype=np.float32)
    assert [m(scores, targets) for m in (accuracy, macro_f1, auroc, ece, brier)] == [1, 1, 1, 0, 0]
