"""A linear head on recorded features is a convex problem of few unknowns, so it is solved.

Formula: min over W, b of L(W f + b) + s / 2 |W|^2 by L-BFGS on all examples, for strengths s from
strong to weak, each from the solution before; the one with the least validation loss is kept. One
eigendecomposition of the features' covariance C preconditions every strength: W = U P, P = (h C +
s)^(-1/2), h the loss's curvature between the last two solutions. Where the classes can be
separated, loss and curvature fall toward zero as s does: steps and losses are measured in units of
the loss, in float64, so that each strength is solved to the same relative accuracy.
Source: Nocedal and Wright, Numerical Optimization, 2006, chapter 7; the path of Friedman et al., J.
Stat. Softw. 33, 2010.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.techniques.specs.candidates import Candidate
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective
from graft.training.feeds.feed import Feed
from graft.training.loop.losses import weigh
from graft.training.solvers.solver import ROWS, Solver

STRENGTHS = tuple(10 ** (-k / 2) for k in range(-2, 13))
"""Of the penalty, as multiples of the mean variance of the features."""
SAMPLE = 8 * ROWS
"""Examples that the covariance is estimated from."""
WIDE = 2048
"""Above this width only the variances precondition."""
CURVATURE = 0.25
"""The maximum curvature of the logistic loss, which preconditions the first strength."""
ACCURACY = 1e-5
"""A step that lowers the loss by less than this ends the search."""
SEARCH = {
    "max_iter": 100,
    "tolerance_grad": ACCURACY,
    "tolerance_change": ACCURACY,
    "line_search_fn": "strong_wolfe",
}


def path(objective: Objective, head: nn.Linear, feed: Feed) -> Iterator[Candidate]:
    """Put the solution of each strength into the head, one after the other.

    `feed` holds features (N, D); the objective is called as in training, but in evaluation mode.
    """
    objective.eval()
    problem = _Problem(objective, head, feed, *_moments(feed, centered=head.bias is not None))
    return map(problem.minimize, STRENGTHS)


@dataclass(frozen=True)
class _Point:
    """Weights (K, R) in the basis, biases (K), the losses there, and the gradients of their sum."""

    weight: Tensor
    bias: Tensor
    losses: dict[str, float]
    by_weight: Tensor
    by_bias: Tensor

    def value(self, penalty: float) -> float:
        return sum(self.losses.values()) + penalty / 2 * float(self.weight.square().sum())


@dataclass
class _Problem:
    """The loss as a function of W and of the bias for features less their mean.

    Without the mean the two hardly depend on each other.
    """

    objective: Objective
    head: nn.Linear
    feed: Feed
    mean: Tensor
    variances: Tensor
    basis: Tensor | None
    """Eigenvectors (D, R) of the covariance; None if features are many and are their own basis."""
    mean_variance: float

    def __post_init__(self) -> None:
        count = len(self.feed.pieces)
        self.plan = [
            list(range(start, min(start + ROWS, count))) for start in range(0, count, ROWS)
        ]
        self.curvature = CURVATURE
        self.totals = self._total_weights()
        classes, zeros = self.head.out_features, self.variances.new_zeros
        with _precise(self.head, self.variances.dtype):
            self.point = self._evaluate(zeros(classes, len(self.variances)), zeros(classes))

    def minimize(self, strength: float) -> Candidate:
        """Put the solution into the head, started from the one before."""
        penalty = strength * self.mean_variance
        start, passes = self.point, 0
        value = max(start.value(penalty), torch.finfo(start.weight.dtype).tiny)
        scale = (value / (self.curvature * self.variances + penalty)).sqrt()
        bias_scale = (value / self.curvature) ** 0.5
        unknown = (start.weight / scale).requires_grad_()
        bias = (start.bias / bias_scale).requires_grad_()

        def closure() -> Tensor:
            nonlocal passes
            passes += 1
            point = self._evaluate(unknown.detach() * scale, bias.detach() * bias_scale)
            unknown.grad = (point.by_weight + penalty * point.weight) * scale / value
            bias.grad = point.by_bias * bias_scale / value
            self.point = min(self.point, point, key=lambda place: place.value(penalty))
            return unknown.new_tensor(point.value(penalty) / value)

        with _precise(self.head, unknown.dtype):
            torch.optim.LBFGS([unknown, bias], **SEARCH).step(closure)
        self._put(self.point.weight, self.point.bias)
        self.curvature = self._curvature(start, self.point)
        return Candidate({"strength": strength}, self.point.losses, passes)

    def _curvature(self, start: _Point, end: _Point) -> float:
        """The mean second derivative of the loss along the way.

        It is a multiple of the features' variance along it.
        """
        step = end.weight - start.weight
        spread = float((step.square() * self.variances).sum())
        bend = float(((end.by_weight - start.by_weight) * step).sum())
        return bend / spread if bend > 0 and spread > 0 else self.curvature

    def _evaluate(self, weight: Tensor, bias: Tensor) -> _Point:
        """The losses over all examples, and their gradients by weight and bias."""
        self._put(weight, bias)
        self.head.zero_grad(set_to_none=True)
        losses: dict[str, float] = {}
        for batch in self.feed.stream(self.plan):
            parts = self.objective({LABELED: batch}, 1.0)
            weights = weigh(self.objective, parts, {LABELED: batch})
            count = len(self.feed.pieces)
            shares = {
                name: loss * (float(weights[name]) / self.totals.get(name, count))
                for name, loss in parts.items()
            }
            sum(shares.values()).backward()
            losses = {
                name: losses.get(name, 0.0) + float(share.detach())
                for name, share in shares.items()
            }
        by_weight, by_bias = self.head.weight.grad, torch.zeros_like(bias)
        if self.head.bias is not None:
            by_bias = self.head.bias.grad
            by_weight = by_weight - by_bias[:, None] * self.mean
        by_weight = by_weight if self.basis is None else by_weight @ self.basis
        return _Point(weight, bias, losses, by_weight, by_bias)

    def _total_weights(self) -> dict[str, float]:
        """The weight of all examples, by the name of each loss that states one."""
        totals: dict[str, float] = {}
        for batch in self.feed.stream(self.plan):
            for name, weight in self.objective.loss_weights({LABELED: batch}).items():
                totals[name] = totals.get(name, 0.0) + float(weight)
        return totals

    def _put(self, weight: Tensor, bias: Tensor) -> None:
        weight = weight if self.basis is None else weight @ self.basis.T
        with torch.no_grad():
            self.head.weight.copy_(weight)
            if self.head.bias is not None:
                self.head.bias.copy_(bias - weight @ self.mean)


@contextmanager
def _precise(head: nn.Linear, dtype: torch.dtype) -> Iterator[None]:
    """Let the head compute in `dtype`: float32 rounding would end a line search too soon."""
    usual = head.weight.dtype
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(dtype),))
    head.to(dtype)
    try:
        yield
    finally:
        hook.remove()
        head.to(usual)


def _moments(feed: Feed, centered: bool) -> tuple[Tensor, Tensor, Tensor | None, float]:
    """Moments of the features, from a sample of them.

    Mean (D), variances (R) along their basis (D, R), the basis, and the mean variance. In float64,
    in which the problem is solved, but for MPS, which has none.
    """
    count = len(feed.pieces)
    rows = (
        torch.linspace(0, count - 1, min(count, SAMPLE), dtype=torch.double)
        .round()
        .long()
        .split(ROWS)
    )
    plan = [part.tolist() for part in rows]
    share = 1 / min(count, SAMPLE)
    dtype = torch.float32 if feed.device.type == "mps" else torch.float64

    def read() -> Iterator[Tensor]:
        return (batch.inputs["features"].to(dtype) for batch in feed.stream(plan))

    mean = sum(features.sum(0) for features in read()) * share
    if not centered:
        mean = torch.zeros_like(mean)
    if len(mean) > WIDE:
        variances = sum((features - mean).square().sum(0) for features in read()) * share
        return mean, variances, None, float(variances.mean())
    covariance = sum((features - mean).T @ (features - mean) for features in read()) * share
    # In float32 eigh fails where many eigenvalues are zero; on the CPU, since MPS has no float64.
    variances, basis = torch.linalg.eigh(covariance.cpu().double())
    mean_variance = float(variances.clamp(min=0).mean())
    if count <= SAMPLE:  # where no example varies more than float32 rounds, no weight is needed
        spanned = variances > torch.finfo(torch.float32).eps ** 2 * variances[-1]
        variances, basis = variances[spanned], basis[:, spanned]
    return mean, variances.clamp(min=0).to(mean), basis.to(mean), mean_variance


# 55 to 288 passes on ten data sets.
SOLVER = Solver(path, solutions=13, passes=170, at_head=True)
