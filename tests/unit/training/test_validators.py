"""What validators say of networks that are good, collapsed or not to be judged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from graft.base import plugins
from graft.base.errors import UnknownName
from graft.training.validators.likeness.domains import describe_domains
from graft.training.validators.validator import GUARD, USUAL, Seen, find, measure

NAMES = plugins.names("validator")


def clusters(count: int, shift: float) -> tuple[Tensor, Tensor]:
    """Features (N, 2) in two clusters, the second domain moved by `shift`, and their classes."""
    generator = torch.Generator().manual_seed(int(10 * shift))
    labels = torch.arange(count) % 2
    noise = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return torch.stack([6.0 * labels - 3, torch.full((count,), shift)], 1) + 0.5 * noise, labels


def seen(weight: Tensor, count: int = 60) -> Seen:
    """A linear network with this weight (2, 2) on two domains."""
    source, labels = clusters(count, 0.0)
    target, _ = clusters(count, 1.0)

    def classify(features: Tensor) -> Tensor:
        return features @ weight.T

    return Seen(source, classify(source), labels, target, classify(target), classify)


GOOD = torch.tensor([[-2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
UNSURE = GOOD / 40
COLLAPSED = torch.tensor([[0.0, 9.0], [0.0, -9.0]], dtype=torch.float64)
"""Predicts the first class for all of the target, which lies above the source."""
ONE = torch.ones(1, 2, dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
def test_a_validator_gives_a_number_and_says_what_it_is(name):
    assert math.isfinite(find(name)(seen(GOOD)))
    for part in ("Formula:", "Source:", "When:", "When not:"):
        assert part in plugins.description("validator", name)


@pytest.mark.parametrize("name", ["entropy", "infomax", "dev"])
def test_a_confident_network_is_better_than_an_unsure_one(name):
    assert find(name)(seen(GOOD)) > find(name)(seen(UNSURE))


@pytest.mark.parametrize("name", ["infomax", "circular", "importance-weighted", "mixval"])
def test_a_collapsed_network_is_worse(name):
    assert find(name)(seen(GOOD)) > find(name)(seen(COLLAPSED))


def test_one_that_cannot_tell_says_nan():
    values = measure(replace(seen(GOOD), target=ONE, target_logits=ONE))
    assert math.isnan(values["snd"])  # one sample has no neighbors
    assert math.isfinite(values["entropy"])
    assert set(values) == set(NAMES) >= {USUAL, GUARD}


def test_an_unknown_validator_is_refused_with_those_there_are():
    with pytest.raises(UnknownName, match="mixval"):
        find("mixvals")


def test_domains_are_described_without_labels_of_the_target():
    alike = seen(GOOD, count=200)
    described = describe_domains(alike, ["a", "b"])
    assert 1 < described["proxy_a_distance"] <= 2  # the target lies one unit above the source
    shares = described["class_shares"]
    assert shares["a"]["source"] == shares["b"]["source"] == 0.5
    assert shares["a"]["target"] == pytest.approx(0.5, abs=0.05)  # five standard errors of 0.01
    assert describe_domains(replace(alike, target=ONE), ["a", "b"])["proxy_a_distance"] is None


def test_what_cannot_be_estimated_is_none():
    one_class = torch.tensor([[1.0, 0.0]], dtype=torch.float64).repeat(60, 1)
    constant = replace(seen(GOOD), source_logits=one_class)
    assert describe_domains(constant, ["a", "b"])["class_shares"] is None
