"""CORAL, MMD, class confusion, nuclear norm and margin disparity against independent sums.

Numbers said to be of a library are what it gives for the same inputs in float64: pytorch-adapt
0.0.83, skada 0.6.0.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import svdvals

from graft.base.errors import BadValue
from graft.techniques.formulas.bnm import nuclear_norm_loss
from graft.techniques.formulas.coral import coral
from graft.techniques.formulas.distances import squared_distances
from graft.techniques.formulas.mcc import class_confusion
from graft.techniques.formulas.mdd import margin_disparity
from graft.techniques.formulas.mmd import median_bandwidths, mmd
from tests.unit.techniques.formulas.waves import (
    SOURCE,
    SOURCE_LOGITS,
    TARGET,
    TARGET_LOGITS,
    wave,
)

BANDWIDTHS = torch.tensor([1.5, 3.0, 6.0], dtype=torch.float64)


def test_coral_is_what_numpy_and_two_libraries_give():
    difference = np.cov(SOURCE.numpy().T) - np.cov(TARGET.numpy().T)
    loss = float(coral(SOURCE, TARGET))
    assert loss == pytest.approx((difference**2).sum() / (4 * 4**2))
    assert loss == pytest.approx(0.20204913571856062, rel=1e-12), "pytorch-adapt and skada"


def test_coral_of_scaled_features_is_known():
    features = wave(9, 1)
    variance = float(features.var())
    assert float(coral(features, 2 * features)) == pytest.approx((3 * variance) ** 2 / 4)


def test_coral_ignores_where_the_domains_are():
    assert float(coral(SOURCE, SOURCE + 7)) == pytest.approx(0, abs=1e-28)


def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
    square = float((x - y).square().sum())
    return float(np.mean([math.exp(-square / width) for width in BANDWIDTHS.tolist()]))


def test_both_mmds_are_the_sums_of_their_definitions():
    def mean(first, second, leave_out_self):
        pairs = [(i, j) for i in range(len(first)) for j in range(len(second))]
        pairs = [(i, j) for i, j in pairs if i != j or not leave_out_self]
        return np.mean([kernel(first[i], second[j]) for i, j in pairs])

    for unbiased in (True, False):
        within = mean(SOURCE, SOURCE, unbiased) + mean(TARGET, TARGET, unbiased)
        expected = within - 2 * mean(SOURCE, TARGET, False)
        value = float(mmd(SOURCE, TARGET, BANDWIDTHS, unbiased=unbiased))
        assert value == pytest.approx(expected, abs=1e-14)


def test_the_unbiased_mmd_is_that_of_pytorch_adapt():
    value = float(mmd(SOURCE, TARGET, BANDWIDTHS))
    assert value == pytest.approx(0.0035963867930910443, rel=1e-11)


def test_mmd_of_two_points_is_known():
    source, target = torch.zeros(2, 3).double(), torch.full((2, 3), 2.0).double()
    value = mmd(source, target, torch.tensor([12.0]).double())
    assert float(value) == pytest.approx(2 - 2 * math.exp(-1))


def test_mmd_of_wide_kernels_is_the_distance_of_the_means():
    width = 1e6
    distance = float((SOURCE.mean(0) - TARGET.mean(0)).square().sum())
    value = float(mmd(SOURCE, TARGET, torch.tensor([width]).double(), unbiased=False))
    # The next term of the series is smaller by the largest squared distance over the width.
    assert value == pytest.approx(2 * distance / width, rel=1e-3)


def test_the_biased_mmd_of_equal_domains_is_0_and_the_unbiased_below():
    assert float(mmd(SOURCE, SOURCE, unbiased=False)) == pytest.approx(0, abs=1e-15)
    assert float(mmd(SOURCE, SOURCE)) < 0


def test_bandwidths_are_multiples_of_the_median_of_all_pairs():
    points = torch.cat([SOURCE, TARGET])
    squares = [(a - b).square().sum().item() for i, a in enumerate(points) for b in points[:i]]
    expected = np.median(squares) * np.array([0.5, 1.0])
    assert len(squares) % 2 == 1, "the median of an even number is no squared distance"
    widths = median_bandwidths(SOURCE, TARGET, factors=(0.5, 1.0))
    assert widths.tolist() == pytest.approx(expected.tolist())


def test_bandwidths_of_equal_examples_are_positive():
    same = torch.ones(3, 2)
    assert median_bandwidths(same, same, factors=(1.0,)).tolist() == [1.0]
    last = same.clone()
    last[2] = 7.0
    assert median_bandwidths(same, last, factors=(1.0,)).item() == pytest.approx(72 * 5 / 15)


def test_distances_far_from_the_origin_keep_their_digits():
    points = wave(4, 3).float()
    expected = (points[:, None] - points).square().sum(-1)
    shifted = squared_distances(points + 1000, points + 1000)
    # A float32 near 1000 is rounded to 6e-5, and a difference of about 1 squared to twice that.
    assert torch.allclose(shifted, expected, atol=1e-3)


def test_class_confusion_is_that_of_two_libraries():
    loss = float(class_confusion(TARGET_LOGITS, temperature=2.5))
    assert loss == pytest.approx(0.6222983019163962, rel=1e-12), "pytorch-adapt"
    assert loss == pytest.approx(0.6222983018029424, rel=1e-8), "skada adds 1e-7 in the logarithm"


def test_class_confusion_of_certain_and_of_even_predictions_is_known():
    certain = 99 * torch.eye(3).double()
    assert float(class_confusion(certain, temperature=1.0)) == pytest.approx(0, abs=1e-12)
    even = torch.zeros(5, 4).double()
    assert float(class_confusion(even)) == pytest.approx(3 / 4)


def test_a_step_against_its_gradient_lowers_the_class_confusion():
    logits = TARGET_LOGITS.clone().requires_grad_()
    loss = class_confusion(logits)
    loss.backward()
    assert class_confusion(logits - 0.1 * logits.grad) < loss


def test_class_confusion_of_a_class_that_is_never_predicted_is_finite():
    logits = torch.tensor([[0.0, -2000.0], [1.0, -2000.0]], requires_grad=True)
    class_confusion(logits).backward()
    assert logits.grad.isfinite().all()


def test_the_nuclear_norm_is_the_sum_of_singular_values():
    expected = -svdvals(TARGET_LOGITS.softmax(1).numpy()).sum() / 5
    loss = float(nuclear_norm_loss(TARGET_LOGITS))
    assert loss == pytest.approx(expected)
    assert loss == pytest.approx(-0.4478064200755495, rel=1e-12), "pytorch-adapt"


def test_certain_predictions_of_equally_frequent_classes_have_the_largest_nuclear_norm():
    certain = 99 * torch.eye(3).double().repeat(2, 1)
    assert float(nuclear_norm_loss(certain)) == pytest.approx(-math.sqrt(6 * 3) / 6)


def test_margin_disparity_is_the_sum_of_its_definition():
    source_adversary, target_adversary = 2 * wave(6, 3, 0.4), 2 * wave(5, 3, 2.2)
    of_source, of_target = source_adversary.softmax(1), target_adversary.softmax(1)
    agreement = [-math.log(p[k]) for p, k in zip(of_source, SOURCE_LOGITS.argmax(1), strict=True)]
    others = [math.log(1 - p[k]) for p, k in zip(of_target, TARGET_LOGITS.argmax(1), strict=True)]
    loss = margin_disparity(SOURCE_LOGITS, source_adversary, TARGET_LOGITS, target_adversary, 3.0)
    assert float(loss) == pytest.approx(3 * np.mean(agreement) - np.mean(others))


def test_a_certain_adversary_has_a_finite_disparity_and_gradient():
    """1 - p rounds to 0 in float32, its logarithm is -60 all the same."""
    adversary = torch.tensor([[60.0, 0.0]], requires_grad=True)
    logits = torch.tensor([[1.0, 0.0]])
    loss = margin_disparity(logits, adversary, logits, adversary)
    loss.backward()
    assert loss.item() == pytest.approx(60)
    assert adversary.grad.isfinite().all()


@pytest.mark.parametrize("formula", [coral, mmd])
def test_a_batch_of_one_is_refused(formula):
    with pytest.raises(BadValue, match=r"at least 2 examples.*got 1 of the target"):
        formula(SOURCE, TARGET[:1])


@pytest.mark.parametrize("formula", [coral, mmd])
def test_features_of_different_widths_are_refused(formula):
    with pytest.raises(BadValue, match=r"\(4,\) of the source and \(3,\) of the target"):
        formula(SOURCE, TARGET[:, :3])
