"""The means of the classes as a linear head: the nearest of them is the largest of linear scores.

Formula: -|f - c_k|^2 / t = (2 c_k f - |c_k|^2) / t + what is the same for every class, c_k the mean
of the features of class k. Of several labels each class is a question of its own:
(|f - n_k|^2 - |f - c_k|^2) / t, n_k the mean of all without it. The temperature t, from flat to
sharp, is chosen by validation loss, which is convex in 1 / t.
Source: Snell et al.: Prototypical Networks for Few-shot Learning, arXiv:1703.05175.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from graft.base.errors import DataError
from graft.techniques.specs.candidates import Candidate
from graft.techniques.technique import Objective
from graft.training.feeds.feed import Feed, inference_batch_size
from graft.training.loop.losses import mean_losses
from graft.training.solvers.solver import ROWS, Solver

TEMPERATURES = tuple(10 ** (-k / 4) for k in range(-4, 17))
"""The temperatures, as multiples of the variance of the features, summed over dimensions."""


def path(objective: Objective, head: nn.Linear, feed: Feed) -> Iterator[Candidate]:
    """Put the prototypes into the head, one temperature after the other.

    `feed` holds features (N, D), or what the network makes them of. Raises DataError for a class
    without an example.
    """
    objective.eval()
    plan = replace(
        feed, batch_size=ROWS if feed.at_head else inference_batch_size(feed.task, feed.preprocess)
    ).plan(None)
    weight, bias, variance = _scores(objective, feed, plan)
    for number, share in enumerate(TEMPERATURES):
        temperature = share * variance
        with torch.no_grad():
            head.weight.copy_((weight / temperature).float())
            head.bias.copy_((bias / temperature).float())
        yield Candidate(
            {"temperature": temperature},
            mean_losses(objective, feed.stream(plan)),
            passes=2 if number == 0 else 1,
        )


def _scores(
    objective: Objective, feed: Feed, plan: list[list[int]]
) -> tuple[Tensor, Tensor, float]:
    """Weights (K, D) and biases (K) at temperature 1, and the summed variance of the features.

    Computed in float64, and so on the CPU: MPS has no float64.
    """
    classes, several = objective.task.classes, False
    sums = total = counts = squares = 0.0
    with torch.no_grad():
        for batch in feed.stream(plan):
            features = objective.model(batch).features.cpu().double()
            target, several = batch.target.cpu(), batch.target.dim() == 2
            member = (target if several else nn.functional.one_hot(target, len(classes))).to(
                features
            )
            sums, counts = sums + member.T @ features, counts + member.sum(0)
            total, squares = total + features.sum(0), squares + features.square().sum()
    count = len(feed.pieces)
    _check_counts(counts, count, several, feed)
    class_means = sums / counts[:, None]
    # Of one class, what all scores have in common is left out: large numbers that would round the
    # differences away.
    rest = (
        (total - sums) / (count - counts)[:, None] if several else class_means.mean(0, keepdim=True)
    )
    level = rest.square().sum(1) if several else class_means.square().sum(1).mean()
    variance = max(float(squares / count - (total / count).square().sum()), 1e-12)
    return 2 * (class_means - rest), level - class_means.square().sum(1), variance


def _check_counts(counts: Tensor, count: int, several: bool, feed: Feed) -> None:
    lacking = (counts == 0) | (counts == count if several else False)
    names = [name for name, lacks in zip(feed.task.classes, lacking.tolist(), strict=True) if lacks]
    if names:
        without = " with and without each label" if several else " of each class"
        raise DataError(
            f"Prototypes are means of training examples, and of the {count:,} there are none for: "
            f"{', '.join(names)}. Give examples{without}, or use 'feature-extraction'."
        )


# One pass a temperature, and one before the first.
SOLVER = Solver(path, solutions=13, passes=14, at_head=False)
