"""A linear head under the mean squared error has an exact solution for each strength of a penalty.

Formula: min over W, b of mean((W f + b - t)^2) + s v / 2 |W|^2, the mean over the N examples and
the K outputs, v the mean variance of the features. With X (N, D) and T (N, K) less their means and
X = U S V', the minimum is W' = V (S^2 + a)^-1 V' X' T with a = s v N K / 2, and b = mean(t) - W
mean(f): the intercept is not penalized. V and S^2 are computed once, for all strengths: from X
itself if it has fewer rows than columns, else from X' X, which is summed over blocks of rows.
Source: Hoerl and Kennard: Ridge Regression, Technometrics 12, 1970; Hastie, Tibshirani, Friedman,
The Elements of Statistical Learning, 2009, section 3.4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from graft.techniques.specs.candidates import Candidate
from graft.techniques.technique import Objective
from graft.training.feeds.feed import Feed
from graft.training.loop.losses import mean_losses
from graft.training.solvers.solver import ROWS, Solver

STRENGTHS = tuple(10 ** (-k / 2) for k in range(-4, 13))
"""Of the penalty, as multiples of the mean variance of the features: from hardly more than the mean
of the targets to hardly any penalty."""


def path(objective: Objective, head: nn.Linear, feed: Feed) -> Iterator[Candidate]:
    """Put the solution of each strength into the head, one after the other.

    `feed` holds features (N, D) and targets (N, K), of which the task's loss is the mean squared
    error. Reported losses are those of the objective in evaluation mode.
    """
    objective.eval()
    plan = replace(feed, batch_size=ROWS).plan(None)
    problem = _decompose(feed, plan, centered=head.bias is not None)
    for number, strength in enumerate(STRENGTHS):
        weight, bias = problem.solve(strength)
        with torch.no_grad():
            head.weight.copy_(weight)
            if head.bias is not None:
                head.bias.copy_(bias)
        losses = mean_losses(objective, feed.stream(plan))
        yield Candidate({"strength": strength}, losses, passes=3 if number == 0 else 1)


@dataclass(frozen=True)
class _Problem:
    """The sums that all strengths share, in float64 on the CPU: MPS has no float64."""

    basis: Tensor
    """V (D, R)."""
    squares: Tensor
    """The squared singular values S^2 (R)."""
    products: Tensor
    """V' X' T (R, K)."""
    mean: Tensor
    """The means of the features (D); 0 if the head has no bias."""
    target_mean: Tensor
    """The means of the targets (K); 0 if the head has no bias."""
    penalty: float
    """The penalty at strength 1: a / s."""

    def solve(self, strength: float) -> tuple[Tensor, Tensor]:
        """Return the weight (K, D) and the bias (K) of least loss."""
        shrunk = self.products / (self.squares + strength * self.penalty)[:, None]
        weight = (self.basis @ shrunk).T
        return weight, self.target_mean - weight @ self.mean


def _decompose(feed: Feed, plan: list[list[int]], centered: bool) -> _Problem:
    count = len(feed.pieces)
    sums = [(x.sum(0), t.sum(0)) for x, t in _read(feed, plan)]
    mean, target_mean = (sum(parts) / count for parts in zip(*sums, strict=True))
    if not centered:
        mean, target_mean = torch.zeros_like(mean), torch.zeros_like(target_mean)
    blocks = ((x - mean, t - target_mean) for x, t in _read(feed, plan))
    if count < len(mean):
        features, targets = (torch.cat(parts) for parts in zip(*blocks, strict=True))
        _, values, rows = torch.linalg.svd(features, full_matrices=False)
        squares, basis, products = values.square(), rows.T, features.T @ targets
    else:
        gram = products = 0.0
        for x, t in blocks:
            gram, products = gram + x.T @ x, products + x.T @ t
        squares, basis = torch.linalg.eigh(gram)
        squares = squares.clamp(min=0)  # rounding may leave them below 0
    # Features that do not vary have no weight to penalize; any penalty but 0 solves them.
    variance = float(squares.sum()) / (count * len(mean)) or 1.0
    penalty = variance * count * len(target_mean) / 2
    return _Problem(basis, squares, basis.T @ products, mean, target_mean, penalty)


def _read(feed: Feed, plan: list[list[int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The features (B, D) and targets (B, K) of each block of examples."""
    for batch in feed.stream(plan):
        target = batch.target.cpu().double().reshape(len(batch), -1)
        yield batch.inputs["features"].cpu().double(), target


# One pass a strength, and two before the first.
SOLVER = Solver(
    path,
    solutions=13,
    passes=15,
    at_head=True,
    solves=lambda objective: objective.task.is_least_squares and objective.is_task_loss,
)
