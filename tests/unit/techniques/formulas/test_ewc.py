"""The Fisher information and the distance of elastic weight consolidation, in closed form."""

from __future__ import annotations

import pytest
import torch

from graft.techniques.formulas.ewc import squared_gradients, weighted_distance
from tests.unit.techniques.formulas.waves import wave


def test_the_mean_square_is_the_fisher_information_of_logistic_regression():
    # Closed form for logits W x: F of W_kd is p_k (1 - p_k) x_d^2, the mean over y drawn from p.
    weight, example = wave(3, 4).requires_grad_(), wave(5, 4)[2:3]
    chances = (example @ weight.T).softmax(-1)[0].detach()
    expected = (chances * (1 - chances))[:, None] * example.square()
    mean = torch.zeros_like(weight)
    for label, chance in enumerate(chances):
        (square,) = squared_gradients((example @ weight.T), label, [weight])
        mean += chance * square
    # The formula computes in float32.
    torch.testing.assert_close(mean, expected, rtol=1e-5, atol=1e-7)


def test_a_weight_that_the_logits_do_not_depend_on_does_not_matter():
    weight, other = wave(3, 4).requires_grad_(), wave(2, 2).requires_grad_()
    squares = squared_gradients(wave(1, 4) @ weight.T, 0, [weight, other])
    assert squares[0].abs().sum() > 0
    assert torch.equal(squares[1], torch.zeros_like(other))


def test_the_distance_counts_each_weight_by_its_importance():
    now, start = [torch.tensor([1.0, 2.0]), torch.tensor([3.0])], [torch.zeros(2), torch.ones(1)]
    importance = [torch.tensor([10.0, 0.5]), torch.tensor([0.25])]
    assert float(weighted_distance(now, start, importance)) == pytest.approx(10 + 2 + 1)


def test_equal_importance_is_the_plain_distance():
    now, start = [wave(3, 4)], [wave(3, 4).cos()]
    ones = [torch.ones_like(now[0])]
    expected = (now[0] - start[0]).square().sum()
    torch.testing.assert_close(weighted_distance(now, start, ones), expected)
