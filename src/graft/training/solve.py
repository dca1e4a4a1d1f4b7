"""A linear head on recorded features is a convex problem of few unknowns: it is solved, not stepped towards.

Formula: min over W, b of L(W f + b) + s / 2 |W|^2 by L-BFGS on all examples, for strengths s from strong to weak, each
from the solution before; the one with the least validation loss is kept. One eigendecomposition of the features'
covariance preconditions every strength: W = U P, P = (C / 4 + s)^(-1/2), C / 4 bounding the logistic loss's curvature.
Source: Nocedal and Wright, Numerical Optimization, 2006, chapter 7; the path of Friedman et al., J. Stat. Softw. 33, 2010.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.techniques.technique import Objective
from graft.training.feed import Feed

STRENGTHS = tuple(10 ** (-k / 2) for k in range(-2, 13))
"""Of the penalty, as multiples of the mean variance of the features."""
PATIENCE = 3
"""So many strengths in turn without a better validation loss end the path."""
ROWS = 2048
"""Examples read at a time: memory does not grow with their number."""
SAMPLE = 8 * ROWS
"""Examples that the covariance is estimated from."""
WIDE = 2048
"""Above this width only the variances precondition."""
SEARCH = {"max_iter": 40, "tolerance_grad": 1e-4, "tolerance_change": 1e-7, "line_search_fn": "strong_wolfe"}


@dataclass(frozen=True)
class Solution:
    """A head that was found: what it was found for, its losses, and how many passes over the examples it took."""

    chosen: dict[str, float]
    """What is chosen by validation loss, by name: the strength of the penalty."""
    losses: dict[str, float]
    passes: int


def linear_head(objective: Objective) -> nn.Linear | None:
    """The one linear layer that trains; None where more than that does."""
    live = {id(parameter) for parameter in objective.parameters() if parameter.requires_grad}
    layers = [m for m in objective.model.modules() if isinstance(m, nn.Linear) and id(m.weight) in live]
    own = {id(parameter) for layer in layers for parameter in layer.parameters()}
    return layers[0] if len(layers) == 1 and live == own else None


def path(objective: Objective, head: nn.Linear, feed: Feed) -> Iterator[Solution]:
    """Put the solution of each strength into the head, in turn, as it is asked for.

    `feed` holds features (N, D); the objective is called as in training, but in evaluation mode.
    """
    objective.eval()
    problem = _Problem(objective, head, feed, *_moments(feed, centred=head.bias is not None))
    return map(problem.minimise, STRENGTHS)


@dataclass
class _Problem:
    """The loss as a function of W and of the bias for features less their mean, which keeps the two apart."""

    objective: Objective
    head: nn.Linear
    feed: Feed
    mean: Tensor
    variances: Tensor
    basis: Tensor | None
    """Eigenvectors of the covariance as columns; None where the features are too many: then they are their own basis."""

    def __post_init__(self) -> None:
        self.weight = torch.zeros_like(self.head.weight)
        self.bias = torch.zeros(self.head.out_features, device=self.head.weight.device)
        count = len(self.feed.pieces)
        self.plan = [list(range(start, min(start + ROWS, count))) for start in range(0, count, ROWS)]

    def minimise(self, strength: float) -> Solution:
        """Put the solution into the head, started from the one before."""
        penalty = strength * float(self.variances.mean())
        scale = (self.variances / 4 + penalty).rsqrt()
        unknown = self._turned(self.weight, 1 / scale).requires_grad_()
        bias = self.bias.clone().requires_grad_()
        losses: dict[str, float] = {}
        passes = 0

        def closure() -> Tensor:
            nonlocal losses, passes
            passes += 1
            weight = self._turned(unknown.detach(), scale)
            losses, by_weight, by_bias = self._losses(weight, bias.detach())
            unknown.grad = self._turned(by_weight + penalty * weight, scale)
            bias.grad = by_bias
            return torch.tensor(sum(losses.values()) + penalty / 2 * float(weight.square().sum()))

        search = torch.optim.LBFGS([unknown, bias], **SEARCH)
        search.step(closure)
        self.weight, self.bias = self._turned(unknown.detach(), scale), bias.detach()
        self._put(self.weight, self.bias)
        return Solution({"strength": strength}, losses, passes)

    def _losses(self, weight: Tensor, bias: Tensor) -> tuple[dict[str, float], Tensor, Tensor]:
        """The losses over all examples, and their gradients by weight and bias."""
        self._put(weight, bias)
        self.head.zero_grad(set_to_none=True)
        losses: dict[str, float] = {}
        for batch in self.feed.stream(self.plan):
            share = len(batch) / len(self.feed.pieces)
            found = self.objective(batch, 1.0)
            (sum(found.values()) * share).backward()
            losses = {name: losses.get(name, 0.0) + float(loss.detach()) * share for name, loss in found.items()}
        if self.head.bias is None:
            return losses, self.head.weight.grad, torch.zeros_like(bias)
        by_bias = self.head.bias.grad
        return losses, self.head.weight.grad - by_bias[:, None] * self.mean, by_bias

    def _put(self, weight: Tensor, bias: Tensor) -> None:
        with torch.no_grad():
            self.head.weight.copy_(weight)
            if self.head.bias is not None:
                self.head.bias.copy_(bias - weight @ self.mean)

    def _turned(self, weight: Tensor, scale: Tensor) -> Tensor:
        """`weight` (K, D) times the symmetric matrix with these eigenvalues."""
        return weight * scale if self.basis is None else ((weight @ self.basis) * scale) @ self.basis.T


def _moments(feed: Feed, centred: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """Mean (D), variances (D) and eigenvectors (D, D) of the features, from a sample of them."""
    count = len(feed.pieces)
    rows = torch.linspace(0, count - 1, min(count, SAMPLE), dtype=torch.double).round().long().split(ROWS)
    plan = [part.tolist() for part in rows]
    share = 1 / min(count, SAMPLE)

    def read() -> Iterator[Tensor]:
        return (batch.inputs["features"] for batch in feed.stream(plan))

    mean = sum(features.sum(0) for features in read()) * share
    if not centred:
        mean = torch.zeros_like(mean)
    if len(mean) > WIDE:
        return mean, sum((features - mean).square().sum(0) for features in read()) * share, None
    covariance = sum((features - mean).T @ (features - mean) for features in read()) * share
    # In float32 eigh fails where many eigenvalues are zero; float64 on the CPU, since MPS has none.
    variances, basis = torch.linalg.eigh(covariance.cpu().double())
    return mean, variances.clamp(min=0).float().to(mean.device), basis.float().to(mean.device)
