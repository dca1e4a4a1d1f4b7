"""How far apart two domains are, where that is known by construction."""

from __future__ import annotations

import math

import pytest
import torch

from graft.base.errors import DataError
from graft.data.target import missing_classes
from graft.metrics.domains.density_ratio import density_ratios
from graft.metrics.domains.label_shift import estimate_class_shares
from graft.metrics.domains.proxy_a_distance import proxy_a_distance
from graft.metrics.unlabeled.importance import effective_size


def gaussian(count: int, seed: int, mean: float = 0.0, width: int = 2) -> torch.Tensor:
    """Normal features (count, width) of this mean in the first dimension."""
    features = torch.randn(count, width, generator=torch.Generator().manual_seed(seed)).double()
    features[:, 0] += mean
    return features


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0, 8.0])
@pytest.mark.parametrize("target_size", [2000, 500])
def test_the_distance_of_shifted_gaussians_is_that_of_the_best_classifier(shift, target_size):
    source, target = gaussian(2000, 0), gaussian(target_size, 1, shift)
    # The best error is Phi(-shift / 2), whatever the sizes.
    error = 0.5 * math.erfc(shift / 2 / math.sqrt(2))
    # Four standard errors of the error, half of it from each domain, times 4.
    variance = error * (1 - error) / 4 * (1 / 2000 + 1 / target_size)
    tolerance = 4 * 4 * math.sqrt(variance) + 0.01
    value = proxy_a_distance(source, target)
    assert value == pytest.approx(2 * (1 - 2 * error), abs=tolerance)
    assert 0 <= value <= 2


def test_too_few_examples_have_no_distance():
    with pytest.raises(DataError, match="there are 3 of the source and 9 of the target"):
        proxy_a_distance(gaussian(3, 0), gaussian(9, 1))


def test_density_ratios_of_shifted_gaussians_are_known():
    points = torch.tensor([[-1.0, 0.0], [0.5, 1.0], [2.0, -1.0]]).double()
    ratios = density_ratios(gaussian(20_000, 0), gaussian(10_000, 1, 1.0), points)
    # log p_t / p_s = x - 1/2. The slope's standard error is about 0.014, and points are at most 2
    # from where both means lie.
    assert ratios.log().tolist() == pytest.approx((points[:, 0] - 0.5).tolist(), abs=4 * 0.014 * 2)


def test_density_ratios_of_equal_domains_have_mean_one():
    source = gaussian(500, 0)
    assert float(density_ratios(source, source, source).mean()) == pytest.approx(1, abs=1e-3)


def test_many_features_do_not_separate_equal_domains():
    """With a fixed weak penalty few examples would have all the weight."""
    ratios = density_ratios(
        gaussian(200, 0, width=400), gaussian(200, 1, width=400), gaussian(100, 2, width=400)
    )
    # All are 1 in truth, and the penalty that generalizes best leaves them near it.
    assert effective_size(ratios) > 80


def test_too_few_examples_have_no_density_ratio():
    with pytest.raises(DataError, match="there are 9 of the source and 1 of the target"):
        density_ratios(gaussian(9, 0), gaussian(1, 1), gaussian(3, 2))


def counts(*numbers: int) -> torch.Tensor:
    """Each class number as often as its count says."""
    return torch.arange(len(numbers)).repeat_interleave(torch.tensor(numbers))


def test_class_shares_are_exact_where_confusions_are():
    """80 % of class 0 and 90 % of class 1 are right; in the target the classes are 1 : 3."""
    labels = counts(100, 100)
    predictions = torch.cat([counts(80, 20), counts(10, 90)])
    target = torch.cat([counts(80, 20), counts(30, 270)])
    shares = estimate_class_shares(labels, predictions, target, 2)
    assert shares.tolist() == pytest.approx([0.25, 0.75])


def test_a_class_that_the_target_lacks_has_no_share():
    labels = counts(50, 50, 50)
    predictions = torch.cat([counts(40, 5, 5), counts(5, 40, 5), counts(5, 5, 40)])
    target = torch.cat([counts(41, 5, 4), counts(6, 40, 4)])
    shares = estimate_class_shares(labels, predictions, target, 3)
    assert float(shares[2]) == 0
    assert float(shares.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [(counts(4, 4), torch.zeros(8).long()), (counts(8, 0), counts(4, 4))],
    ids=["one class is predicted", "a class is missing"],
)
def test_shares_that_cannot_be_estimated_are_refused(labels, predictions):
    with pytest.raises(DataError, match="cannot be estimated"):
        estimate_class_shares(labels, predictions, predictions, 2)


def test_classes_that_one_domain_lacks_are_named_once_and_in_order():
    source, target = ["cat", "dog", "horse"], ["zebra", "dog", "zebra", "ape"]
    assert missing_classes(target, source) == ["zebra", "ape"]
    assert missing_classes(source, target) == ["cat", "horse"]
