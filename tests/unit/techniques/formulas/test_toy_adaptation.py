"""Two classes in two dimensions, rotated in the target: alignment finds the direction they share.

The classes of the source are Gaussians of width 0.5 around (2, 0) and (-2, 0), those of the target
the same rotated by 80 degrees. On the direction at angle a, class means are +-2 cos(a) in the
source and +-2 cos(80 - a) in the target. Source labels alone favor a = 0, where the target is right
with Phi(2 cos(80) / 0.5) = 0.76. Both domains look the same at a = 40 alone among directions that
tell the classes of the source apart, where both are right with Phi(2 cos(40) / 0.5) = 0.999.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from graft.metrics.unlabeled.entropy import mean_entropy, mutual_information
from graft.metrics.unlabeled.mixval import mix_consistency
from graft.techniques.formulas.coral import coral
from graft.techniques.formulas.mmd import mmd

COUNT = 400
ANGLE = math.radians(80)
STEPS = 60
WEIGHT = 20.0
"""Of the discrepancy: large against a cross-entropy below 1."""


def direction(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()])


def domain(angle: float, seed: int) -> tuple[Tensor, Tensor]:
    """Points (COUNT, 2) and their classes, 0 or 1."""
    labels = torch.arange(COUNT) % 2
    noise = torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(seed)).double()
    mean = 2 * direction(torch.tensor(angle).double())
    return (2.0 * labels - 1)[:, None] * mean + 0.5 * noise, labels


SOURCE, LABELS = domain(0.0, 0)
TARGET, TARGET_LABELS = domain(ANGLE, 1)


def no_discrepancy(source: Tensor, target: Tensor) -> Tensor:
    return torch.zeros(())


def fit(discrepancy) -> tuple[Tensor, Tensor]:
    """The angle of the feature and the scale of its logit that minimize loss and discrepancy."""
    angle = torch.tensor(0.1).double().requires_grad_()
    scale = torch.ones(()).double().requires_grad_()
    search = torch.optim.LBFGS([angle, scale], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        source, target = (points @ direction(angle)[:, None] for points in (SOURCE, TARGET))
        logits = scale * source[:, 0]
        task = nn.functional.binary_cross_entropy_with_logits(logits, LABELS.double())
        total = task + 0.001 * scale.square() + WEIGHT * discrepancy(source, target)
        total.backward()
        return total

    search.step(loss)
    return angle.detach(), scale.detach()


@pytest.fixture(scope="module")
def predictors():
    """A function from points (N, 2) to logits (N, 2) by each way to adapt."""

    def predictor(angle, scale):
        return lambda points: torch.stack([0 * points[:, 0], scale * points @ direction(angle)], 1)

    ways = {"source only": no_discrepancy, "coral": coral, "mmd": mmd}
    return {name: predictor(*fit(discrepancy)) for name, discrepancy in ways.items()}


def accuracy(predict) -> float:
    return float((predict(TARGET).argmax(1) == TARGET_LABELS).double().mean())


def phi(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


@pytest.mark.parametrize("way", ["coral", "mmd"])
def test_alignment_beats_the_source_alone(predictors, way):
    expected = phi(4 * math.cos(ANGLE / 2)) - phi(4 * math.cos(ANGLE))
    # Three standard errors of the lower accuracy on the points of the target.
    noise = 3 * math.sqrt(0.76 * 0.24 / COUNT)
    assert accuracy(predictors[way]) - accuracy(predictors["source only"]) > expected - 2 * noise


def test_the_source_alone_is_as_good_as_the_construction_says(predictors):
    # The angle is known to a few degrees, each of which is 0.02 of the accuracy.
    assert accuracy(predictors["source only"]) == pytest.approx(0.76, abs=0.15)


@pytest.mark.parametrize("way", ["coral", "mmd"])
def test_validators_without_labels_prefer_the_aligned_network(predictors, way):
    aligned, alone = predictors[way](TARGET), predictors["source only"](TARGET)
    assert mean_entropy(aligned) < mean_entropy(alone)
    assert mutual_information(aligned) > mutual_information(alone)
    partners = torch.randperm(COUNT, generator=torch.Generator().manual_seed(0))
    consistency = [
        mix_consistency(TARGET, predictors[name], partners) for name in (way, "source only")
    ]
    assert consistency[0].inter > consistency[1].inter
