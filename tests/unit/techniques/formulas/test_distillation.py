"""Losses of distillation against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from graft.techniques.formulas.distillation import distillation, feature_distillation
from graft.techniques.formulas.relational_distillation import angle_loss, distance_loss


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.manual_seed(seed), dtype=torch.double)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_it_is_the_divergence_of_softened_probabilities(temperature):
    student, teacher = draw(5, 3), draw(5, 3, seed=1)
    p, q = ((part.float() / temperature).softmax(1).double() for part in (teacher, student))
    expected = temperature**2 * (p * (p / q).log()).sum(1).mean()
    found = distillation(student, teacher, temperature, independent=False)
    # Computed in float32.
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)
    assert float(distillation(teacher, teacher + 3.0, temperature, False)) < 1e-6


def test_of_two_classes_it_is_that_of_one_yes_or_no():
    """The softmax of (z, 0) is the probability of yes, so both forms are the same number."""
    student, teacher = draw(6, 1), draw(6, 1, seed=1)
    two = (torch.cat([part, torch.zeros_like(part)], 1) for part in (student, teacher))
    expected = distillation(*two, 2.0, independent=False)
    torch.testing.assert_close(distillation(student, teacher, 2.0, independent=True), expected)


def test_hot_distillation_is_half_the_mean_square_of_centered_logits():
    """For T to infinity the loss is mean_n sum_k (z - z_t)^2 / 2K, both of mean 0 (section 2.1)."""
    student, teacher = (
        part - part.mean(1, keepdim=True) for part in (draw(4, 3), draw(4, 3, seed=1))
    )
    expected = (student - teacher).square().sum(1).mean() / (2 * 3)
    found = distillation(student, teacher, 100.0, independent=False)
    # What is left out falls as 1 / T; rounding in float32 grows as T^2.
    assert float(found) == pytest.approx(float(expected), rel=0.05)


def test_features_are_told_from_standardized_ones():
    teacher = torch.tensor([[1.0, 3.0], [0.0, -4.0]])
    standardized = torch.tensor([[-1.0, 1.0], [1.0, -1.0]])
    assert float(feature_distillation(standardized, teacher)) == pytest.approx(0.0, abs=1e-4)
    assert float(feature_distillation(standardized + 2, teacher)) == pytest.approx(4.0, rel=1e-3)


def test_turned_scaled_and_moved_features_have_the_same_relations():
    teacher = draw(7, 4)
    turn = torch.linalg.qr(draw(4, 4, seed=1)).Q
    student = torch.cat([3.0 * teacher @ turn + 5.0, torch.zeros(7, 2)], 1)  # and of other width
    assert float(distance_loss(student, teacher)) < 1e-10
    assert float(angle_loss(student, teacher)) < 1e-10
    assert float(distance_loss(draw(7, 4, seed=2), teacher)) > 1e-3
    assert float(angle_loss(draw(7, 4, seed=2), teacher)) > 1e-3


def test_relations_of_a_triangle_are_those_of_its_sides_and_angles():
    teacher = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])  # sides 3, 4 and 5
    student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(0.75)]])  # sides 1
    sides = [(3 / 4 - 1) ** 2 / 2, (4 / 4 - 1) ** 2 / 2, (5 / 4 - 1) ** 2 / 2]
    assert float(distance_loss(student, teacher)) == pytest.approx(sum(sides) / 3, rel=1e-5)
    # Of 27 entries, those whose i or k is j are 0 in both, and those with i = k are 1 in both.
    angles = [(0.5 - cosine) ** 2 / 2 for cosine in (0.0, 3 / 5, 4 / 5)]
    assert float(angle_loss(student, teacher)) == pytest.approx(2 * sum(angles) / 27, rel=1e-4)


def test_equal_features_have_finite_gradients():
    student = torch.zeros(4, 3, requires_grad=True)
    (distance_loss(student, draw(4, 3)) + angle_loss(student, draw(4, 3))).backward()
    assert torch.isfinite(student.grad).all()
