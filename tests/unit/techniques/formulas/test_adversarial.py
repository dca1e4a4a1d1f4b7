"""Gradient reversal, the loss of a domain classifier, and what CDAN shows it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graft.techniques.formulas.cdan import (
    draw_projections,
    entropy_weights,
    multilinear_map,
    random_multilinear_map,
)
from graft.techniques.formulas.domain_loss import domain_loss
from graft.techniques.formulas.gradient_reversal import reversal_strength, reverse_gradient
from tests.unit.techniques.formulas.waves import SOURCE, SOURCE_LOGITS, TARGET_LOGITS, wave


def test_reversal_changes_the_gradient_alone():
    features = SOURCE.clone().requires_grad_()
    reversed_features = reverse_gradient(features, 0.3)
    assert torch.equal(reversed_features, features)
    (reversed_features * wave(6, 4, 1.0)).sum().backward()
    assert torch.equal(features.grad, -0.3 * wave(6, 4, 1.0))


@pytest.mark.parametrize("progress", [0.0, 0.1, 0.5, 1.0])
def test_the_strength_is_the_schedule_of_dann(progress):
    expected = 2 / (1 + math.exp(-10 * progress)) - 1
    assert reversal_strength(progress) == pytest.approx(expected)


def test_the_domain_loss_is_the_binary_cross_entropy_of_equally_large_domains():
    source, target = wave(6, 1)[:, 0], wave(6, 1, 2.0)[:, 0]
    together = torch.cat([source, target])
    is_source = (torch.arange(12) < 6).double()
    expected = nn.functional.binary_cross_entropy_with_logits(together, is_source)
    assert float(domain_loss(source, target)) == pytest.approx(float(expected))
    assert float(domain_loss(source, target.repeat(3))) == pytest.approx(float(expected))


def test_weights_of_the_domain_loss_weigh_examples():
    source, target = wave(2, 1)[:, 0], wave(3, 1, 2.0)[:, 0]
    weighted = domain_loss(source, target, target_weights=torch.tensor([0.0, 3.0, 0.0]).double())
    assert float(weighted) == pytest.approx(float(domain_loss(source, target[1:2])))


def test_the_multilinear_map_is_the_outer_product():
    features = SOURCE.clone().requires_grad_()
    logits = SOURCE_LOGITS.clone().requires_grad_()
    products = multilinear_map(features, logits)
    probabilities = SOURCE_LOGITS.softmax(1)
    for n in range(6):
        assert torch.allclose(products[n], torch.outer(SOURCE[n], probabilities[n]).flatten())
    products.sum().backward()
    # The probabilities of an example have the sum 1.
    assert torch.allclose(features.grad, torch.ones_like(features))
    assert logits.grad is None


def test_the_random_map_keeps_inner_products_in_expectation():
    size = 40_000
    projections = [
        p.double() for p in draw_projections(4, 3, size, torch.Generator().manual_seed(0))
    ]
    exact = multilinear_map(SOURCE, SOURCE_LOGITS)
    drawn = random_multilinear_map(SOURCE, SOURCE_LOGITS, *projections)
    # Of products of four normal numbers the standard deviation is at most 3 times the norms'.
    bound = 5 * 3 * exact.norm(dim=1)[:, None] * exact.norm(dim=1) / math.sqrt(size)
    assert ((drawn @ drawn.T - exact @ exact.T).abs() <= bound).all()


def test_entropy_weights_are_those_of_the_paper_and_get_no_gradient():
    logits = TARGET_LOGITS.clone().requires_grad_()
    probabilities = TARGET_LOGITS.softmax(1)
    certainty = 1 + torch.exp((probabilities * probabilities.log()).sum(1))
    weights = entropy_weights(logits)
    assert torch.allclose(weights, certainty / certainty.mean())
    assert not weights.requires_grad
