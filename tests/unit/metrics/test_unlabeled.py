"""Measures of predictions without labels, against definitions and two libraries.

Numbers said to be of a library are what it gives for the same inputs in float64: pytorch-adapt
0.0.83, skada 0.6.0.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression

from graft.base.errors import BadValue, DataError
from graft.metrics.unlabeled import snd
from graft.metrics.unlabeled.circular import circular_accuracy
from graft.metrics.unlabeled.dev import dev_risk
from graft.metrics.unlabeled.entropy import entropies, mean_entropy, mutual_information
from graft.metrics.unlabeled.importance import effective_size, importance_weighted_mean
from graft.metrics.unlabeled.mixval import mix_consistency
from graft.metrics.unlabeled.snd import soft_neighborhood_density

CLASSES = 3


def wave(rows: int, columns: int, phase: float = 0.0) -> torch.Tensor:
    """A matrix (rows, columns) of sines, in float64."""
    return torch.sin(0.7 * torch.arange(rows * columns).double() + phase).view(rows, columns)


@pytest.fixture(scope="module")
def source() -> tuple[torch.Tensor, torch.Tensor]:
    """Features (40, 3) and labels of three classes, which a linear classifier separates well."""
    features = wave(40, 3)
    labels = (features[:, 0] + 0.5 * features[:, 1] > 0).long() + (features[:, 2] > 0.3)
    return features, labels


TARGET = wave(30, 3, 2.0) + 0.5
PARTNERS = np.random.RandomState(3).permutation(30)


@pytest.fixture(scope="module")
def predict(source):
    """The logits of a logistic regression of the source."""
    fitted = LogisticRegression(max_iter=1000).fit(source[0].numpy(), source[1].numpy())
    weight, bias = torch.from_numpy(fitted.coef_), torch.from_numpy(fitted.intercept_)
    return lambda features: features @ weight.T + bias


def test_entropies_are_those_of_scipy():
    logits = 3 * wave(6, 4)
    expected = entropy(logits.softmax(1).numpy(), axis=1)
    assert entropies(logits).tolist() == pytest.approx(expected.tolist())


def test_log_probabilities_are_logits():
    logits = 3 * wave(6, 4)
    assert torch.allclose(entropies(logits.log_softmax(1)), entropies(logits))


def test_the_mean_entropy_is_that_of_skada(predict):
    # skada takes the mean over classes, too; scikit-learn's solver stops at 1e-4.
    value = float(mean_entropy(predict(TARGET))) / CLASSES
    assert value == pytest.approx(0.16580976399487268, rel=1e-3)


def test_mutual_information_has_its_bounds():
    confident = 99 * torch.eye(4).double()
    assert float(mutual_information(confident)) == pytest.approx(math.log(4))
    assert float(mutual_information(confident[:1].repeat(5, 1))) == pytest.approx(0, abs=1e-12)
    assert float(mutual_information(torch.zeros(5, 4).double())) == pytest.approx(0, abs=1e-12)


def test_the_density_is_that_of_pytorch_adapt():
    value = soft_neighborhood_density(wave(7, 3, 0.5))
    assert value == pytest.approx(1.059015077400932, rel=1e-10)


def test_the_density_does_not_depend_on_how_many_are_compared_at_a_time(monkeypatch):
    whole = soft_neighborhood_density(wave(7, 3, 0.5))
    monkeypatch.setattr(snd, "TOGETHER", 3)
    assert soft_neighborhood_density(wave(7, 3, 0.5)) == pytest.approx(whole)


def test_the_density_of_equal_predictions_is_the_highest():
    assert soft_neighborhood_density(torch.zeros(9, 3).double()) == pytest.approx(math.log(8))


def test_the_density_of_one_example_is_refused():
    with pytest.raises(DataError, match="at least 2 target examples, and got 1"):
        soft_neighborhood_density(wave(1, 3))


def test_importance_weights_of_a_known_shift_give_the_mean_of_the_target():
    """Of two cells with losses 1 and 3 the source has 3 : 1 and the target 1 : 3 examples."""
    losses = torch.tensor([1.0, 1.0, 1.0, 3.0])
    weights = torch.tensor([1 / 3, 1 / 3, 1 / 3, 3.0])
    assert importance_weighted_mean(losses, weights) == pytest.approx((1 + 3 * 3) / 4)
    assert dev_risk(losses, weights) == pytest.approx((1 + 3 * 3) / 4)


def test_the_effective_size_is_between_one_and_all():
    assert effective_size(torch.ones(8)) == pytest.approx(8)
    assert effective_size(torch.tensor([5.0, 0.0, 0.0])) == pytest.approx(1)


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, math.inf], [1.0, math.nan]])
def test_weights_that_cannot_be_normalized_are_refused(weights):
    for measure in (importance_weighted_mean, dev_risk):
        with pytest.raises(DataError, match="Use another validator"):
            measure(torch.ones(2), torch.tensor(weights))


def test_the_risk_of_dev_is_that_of_its_authors_code_as_pytorch_adapt_has_it():
    risk = dev_risk(wave(8, 1, 5.0).abs()[:, 0], 2 * wave(8, 1, 0.3).abs()[:, 0])
    assert risk == pytest.approx(0.5759495542320845, rel=1e-12)


def test_the_control_variate_lowers_the_variance():
    """Losses that depend on the weights, whose mean is 1: estimates over 300 small samples."""
    draw = torch.Generator().manual_seed(0)
    plain, controlled = [], []
    for _ in range(300):
        weights = 2 * torch.rand(50, generator=draw).double()
        losses = 1 + 0.1 * torch.randn(50, generator=draw).double()
        plain.append(float((weights * losses).mean()))
        controlled.append(dev_risk(losses, weights))
    # The weights have a variance of 1/3, the losses' noise adds 0.01 * 4/3: a ratio of 1/26.
    assert np.var(controlled) < np.var(plain) / 10
    assert np.mean(controlled) == pytest.approx(1, abs=0.02)


def test_equal_weights_leave_the_mean_loss():
    losses = wave(6, 1)[:, 0].abs()
    assert dev_risk(losses, torch.ones(6)) == pytest.approx(float(losses.mean()))


def test_the_risk_of_one_example_is_refused():
    with pytest.raises(DataError, match="at least 2 held-out source examples"):
        dev_risk(torch.ones(1), torch.ones(1))


def test_mixes_are_as_consistent_as_in_skada(predict):
    consistency = mix_consistency(TARGET, predict, torch.from_numpy(PARTNERS))
    assert (consistency.intra, consistency.inter, consistency.both) == (1.0, 0.5, 0.75)


def test_one_predicted_class_has_no_mix_between_classes():
    consistency = mix_consistency(
        TARGET, lambda inputs: torch.ones(len(inputs), 1), torch.from_numpy(PARTNERS)
    )
    assert consistency.intra == 1
    assert math.isnan(consistency.inter)
    assert math.isnan(consistency.both)


def test_a_share_without_a_larger_part_is_refused():
    with pytest.raises(BadValue, match=r"more than 0\.5"):
        mix_consistency(TARGET, lambda inputs: inputs, torch.arange(30), share=0.5)


def test_predictions_from_which_the_source_can_be_learned_back_are_circular(source, predict):
    assert circular_accuracy(*source, TARGET, predict(TARGET).argmax(1)) > 0.9


def test_shuffled_predictions_are_not_circular(source, predict):
    features, labels = source
    shuffled = predict(TARGET).argmax(1)[torch.from_numpy(PARTNERS)]
    # Chance of three classes is 1/3; three standard deviations of 40 examples are 0.22.
    assert circular_accuracy(features, labels, TARGET, shuffled) < 1 / 3 + 0.3


def test_one_predicted_class_is_right_for_its_share_of_the_source(source):
    features, labels = source
    value = circular_accuracy(features, labels, TARGET, torch.full((30,), 2))
    assert value == pytest.approx(float((labels == 2).double().mean()))
