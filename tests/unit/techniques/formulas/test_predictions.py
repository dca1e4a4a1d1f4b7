"""Losses and labels from predictions alone: TENT, SHOT, pseudo-labels, FixMatch."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import entropy

from graft.techniques.formulas.fixmatch import fixmatch
from graft.techniques.formulas.pseudo_labels import (
    pseudo_label_loss,
    pseudo_label_weight,
    pseudo_labels,
)
from graft.techniques.formulas.shot import centroid_labels, information_loss
from graft.techniques.formulas.tent import entropy_loss
from tests.unit.techniques.formulas.waves import TARGET, TARGET_LOGITS, wave


def test_the_loss_of_tent_is_the_mean_entropy():
    expected = entropy(TARGET_LOGITS.softmax(1).numpy(), axis=1).mean()
    assert float(entropy_loss(TARGET_LOGITS)) == pytest.approx(expected)


def test_the_entropy_of_extreme_logits_and_its_gradient_are_finite():
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = entropy_loss(logits)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.isfinite().all()


def test_the_information_loss_of_shot_is_that_of_scipy_and_pytorch_adapt():
    probabilities = TARGET_LOGITS.softmax(1).numpy()
    expected = entropy(probabilities, axis=1).mean() - entropy(probabilities.mean(0))
    loss = float(information_loss(TARGET_LOGITS))
    assert loss == pytest.approx(expected)
    assert loss == pytest.approx(-0.24635646812565093, rel=1e-10), "pytorch-adapt 0.0.83"


def test_centroids_correct_predictions_that_contradict_their_neighbors():
    features = torch.tensor([[1.0, 0.1], [1.0, 0.0], [1.0, -0.1], [0.1, 1.0], [0.0, 1.0]])
    logits = torch.tensor([[4.0, 0.0], [4.0, 0.0], [0.0, 0.1], [0.0, 4.0], [0.0, 4.0]])
    assert logits.argmax(1).tolist() == [0, 0, 1, 1, 1]
    assert centroid_labels(features, logits).tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_centroid_labels_are_those_of_the_definition(rounds):
    shares = TARGET_LOGITS.softmax(1)
    for _ in range(rounds + 1):
        means = [(shares[:, [k]] * TARGET).sum(0) / shares[:, k].sum() for k in range(3)]
        nearest = [
            max(
                (k for k in range(3) if shares[:, k].sum() > 0),
                key=lambda k: float(torch.cosine_similarity(example, means[k], dim=0)),
            )
            for example in TARGET
        ]
        shares = torch.eye(3).double()[nearest]
    assert centroid_labels(TARGET, TARGET_LOGITS, rounds).tolist() == nearest


def test_a_class_that_loses_its_examples_stays_without():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2]])
    logits = torch.tensor([[9.0, 0.0, -90.0], [0.0, 9.0, -90.0], [0.0, 9.0, -90.0]])
    assert 2 not in centroid_labels(features, logits, rounds=3).tolist()


def test_pseudo_labels_are_confident_from_the_threshold_on():
    logits = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]).log()
    labels, is_confident = pseudo_labels(logits, 0.79)
    assert labels[:2].tolist() == [0, 1]
    assert is_confident.tolist() == [True, True, False]
    assert pseudo_labels(logits, 0.85)[1].tolist() == [True, False, False]
    assert pseudo_labels(logits, 0.0)[1].all()


def test_pseudo_labels_count_by_their_share_of_the_batch():
    logits = wave(4, 3)
    labels = torch.tensor([0, 1, 2, 0])
    is_confident = torch.tensor([True, False, True, False])
    expected = -sum(math.log(logits[n].softmax(0)[labels[n]]) for n in (0, 2)) / 4
    assert float(pseudo_label_loss(logits, labels, is_confident)) == pytest.approx(expected)


def test_the_weight_of_pseudo_labels_is_a_ramp():
    assert [pseudo_label_weight(p) for p in (0, 0.1, 0.35, 0.6, 1)] == pytest.approx(
        [0, 0, 0.5, 1, 1]
    )


def test_fixmatch_is_the_sum_of_its_definition():
    weak, strong = (4 * TARGET_LOGITS).requires_grad_(), wave(5, 3).requires_grad_()
    terms = [
        -math.log(p.softmax(0)[q.argmax()]) if q.softmax(0).max() >= 0.95 else 0.0
        for q, p in zip(weak.detach(), strong.detach(), strict=True)
    ]
    assert 0 in terms and any(terms), "the threshold divides the examples"
    loss = fixmatch(weak, strong)
    assert loss.item() == pytest.approx(sum(terms) / 5)
    loss.backward()
    assert weak.grad is None
    unused = torch.tensor(terms) == 0
    assert strong.grad[unused].abs().sum() == 0
    assert strong.grad[~unused].abs().sum() > 0
