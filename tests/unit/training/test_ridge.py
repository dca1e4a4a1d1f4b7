"""The head of a number: the exact minimum, beside scikit-learn's ridge regression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from graft.base.records import Batch, Batches
from graft.techniques.technique import Objective
from graft.training.loop.losses import mean_losses
from graft.training.solvers import ridge

SHAPES = [(40, 6), (12, 30), (9, 9)]
"""Examples and features: more of the ones, more of the others, as many."""


@dataclass(frozen=True)
class Rows:
    """Features (N, D) and targets (N, K) as a feed behind a recording gives them."""

    features: Tensor
    targets: Tensor
    batch_size: int = 5

    @property
    def pieces(self) -> Tensor:
        return self.features

    def plan(self, seed: None) -> list[list[int]]:
        size = min(self.batch_size, 7)  # several blocks, the last one shorter
        return [list(range(at, min(at + size, len(self.features)))) for at in range(0, 40, size)]

    def stream(self, plan: list[list[int]]) -> Iterator[Batch]:
        for rows in filter(None, plan):
            yield Batch({"features": self.features[rows]}, self.targets[rows], rows)


class Squares(Objective):
    """The mean squared error of a linear layer."""

    def __init__(self, features: int, outputs: int, bias: bool = True):
        nn.Module.__init__(self)
        self.head = nn.Linear(features, outputs, bias=bias)

    def forward(self, batches: Batches, progress: float) -> dict[str, Tensor]:
        batch = batches["labeled"]
        error = self.head(batch.inputs["features"]) - batch.target
        return {"task": error.square().mean()}

    def loss_weights(self, batches: Batches) -> dict[str, float]:
        return {}


def problem(count: int, width: int, outputs: int = 1) -> Rows:
    """Features of very different scales, far from zero, and targets that depend on them."""
    random = np.random.default_rng(0)
    features = random.normal(3, np.geomspace(0.01, 10, width), (count, width))
    weights = random.normal(size=(width, outputs)) / features.std(0)[:, None]
    targets = features @ weights + random.normal(1, 0.1, (count, outputs))
    return Rows(torch.tensor(features), torch.tensor(targets))


def sum_of_squares(rows: Rows) -> float:
    """The strength 1 in the terms of scikit-learn, whose loss is a sum over examples."""
    outputs = rows.targets.shape[1]
    return float(rows.features.var(0, correction=0).mean()) * len(rows.features) * outputs / 2


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize(("count", "width"), SHAPES)
def test_each_strength_gives_the_weights_of_scikit_learn(count, width, outputs):
    rows, objective = problem(count, width, outputs), Squares(width, outputs).double()
    seen = []
    for solution in ridge.path(objective, objective.head, rows):
        alpha = solution.chosen["strength"] * sum_of_squares(rows)
        reference = Ridge(alpha, solver="svd").fit(rows.features.numpy(), rows.targets.numpy())
        weight, bias = (part.detach().numpy() for part in objective.head.parameters())
        scale = np.abs(reference.coef_).max()
        # Both are exact but for rounding: float64 and a condition of up to 1e8.
        assert weight == pytest.approx(reference.coef_.reshape(weight.shape), abs=1e-6 * scale)
        assert bias == pytest.approx(reference.intercept_, rel=1e-6)
        seen.append(solution.chosen["strength"])
    assert seen == list(ridge.STRENGTHS)


@pytest.mark.parametrize(("count", "width"), SHAPES)
def test_a_head_without_bias_is_solved_through_zero(count, width):
    rows, objective = problem(count, width), Squares(width, 1, bias=False).double()
    for solution in ridge.path(objective, objective.head, rows):
        gram = rows.features.T @ rows.features
        variance = gram.trace() / gram.numel() ** 0.5 / count
        penalty = solution.chosen["strength"] * variance * count / 2
        system = gram + penalty * torch.eye(width, dtype=torch.double)
        expected = torch.linalg.solve(system, rows.features.T @ rows.targets).T
        assert torch.allclose(objective.head.weight, expected, atol=1e-6 * expected.abs().max())


def test_every_step_away_from_the_solution_costs():
    rows, objective = problem(30, 5), Squares(5, 1).double()
    solution = next(ridge.path(objective, objective.head, rows))
    variance = rows.features.var(0, correction=0).mean()
    penalty = solution.chosen["strength"] * variance / 2

    def value() -> float:
        loss = mean_losses(objective, rows.stream(rows.plan(None)))["task"]
        return loss + float(penalty * objective.head.weight.detach().square().sum())

    least = value()
    with torch.no_grad():
        for parameter in objective.head.parameters():
            for entry in parameter.view(-1):
                for step in (0.01, -0.01):
                    entry += step
                    assert value() > least
                    entry -= step


def test_features_that_do_not_vary_leave_the_mean():
    objective = Squares(4, 1).double()
    rows = Rows(torch.full((10, 4), 2.0).double(), torch.arange(10.0).double()[:, None])
    for _ in ridge.path(objective, objective.head, rows):
        assert objective.head(rows.features).detach().numpy() == pytest.approx(4.5)
