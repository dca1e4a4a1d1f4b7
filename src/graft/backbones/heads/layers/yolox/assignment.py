"""SimOTA: which grid cells of the pyramid are to find which object of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graft.backbones.heads.layers.yolox.predictor import Grid

RADIUS = 1.5
"""How far a cell may be from the center of an object that it is to find, in sides of the cell."""
BEST = 10
"""The sum of so many of the best IoU is the number of cells that are to find an object."""
WEIGHT = 3.0
"""What the box counts for, beside the class, in the cost of a cell."""
FAR = 1e6
"""The cost of a cell that is not near the object's center, beyond all others."""


@dataclass(frozen=True)
class Assignment:
    """Cells that are to find an object, F of one picture's P."""

    cells: Tensor
    """Which cells these are (F,)."""
    objects: Tensor
    """Which object each is to find (F,)."""
    ious: Tensor
    """The IoU of each one's box and that object (F,)."""


@torch.no_grad()
def assign(
    boxes: Tensor,
    classes: Tensor,
    predicted: Tensor,
    objectness: Tensor,
    logits: Tensor,
    grid: Grid,
) -> Assignment:
    """Choose for each object the cells that find it most cheaply (arXiv:2107.08430, 2.3).

    Formula: cost = class + 3 (-log IoU), by the class's cross-entropy and the IoU of box and
    object; only cells within 1.5 cells of an object's center can be chosen. An object gets
    k = max(1, floor(sum of its ten best IoU)) cells, those of the least cost; a cell that several
    objects ask for goes to the one of the least cost. It is a short way to what OTA
    (arXiv:2103.14259) finds by optimal transport.

    `boxes` (M, 4) and `predicted` (P, 4) are center x and y, width and height in pixels; `classes`
    (M,); `objectness` (P,) and `logits` (P, C) of the head.
    """
    near = _near_centers(boxes, grid)  # (M, P)
    (candidates,) = near.any(0).nonzero(as_tuple=True)
    if len(candidates) == 0:
        nothing = boxes.new_zeros(0)
        return Assignment(candidates, candidates, nothing)
    ious = pairwise_ious(boxes, predicted[candidates])  # (M, N)
    cost = _class_cost(classes, objectness[candidates], logits[candidates])
    cost = cost - WEIGHT * torch.log(ious + 1e-8)  # an IoU of 0 costs 55, not infinity
    cost = cost + FAR * ~near[:, candidates]
    chosen = _cheapest(cost, ious)
    disputed = chosen.sum(0) > 1
    cheapest = functional.one_hot(cost.argmin(0), len(boxes)).T.bool()
    chosen = torch.where(disputed, cheapest, chosen)
    (kept,) = chosen.any(0).nonzero(as_tuple=True)
    objects = chosen[:, kept].float().argmax(0)
    return Assignment(candidates[kept], objects, ious[objects, kept])


def pairwise_ious(boxes: Tensor, others: Tensor) -> Tensor:
    """The IoU (M, N) of each box (M, 4) with each other one (N, 4)."""
    low = torch.maximum(
        (boxes[:, :2] - boxes[:, 2:] / 2)[:, None], others[:, :2] - others[:, 2:] / 2
    )
    high = torch.minimum(
        (boxes[:, :2] + boxes[:, 2:] / 2)[:, None], others[:, :2] + others[:, 2:] / 2
    )
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (boxes[:, 2:].prod(-1)[:, None] + others[:, 2:].prod(-1) - shared)


def _near_centers(boxes: Tensor, grid: Grid) -> Tensor:
    """Whether the middle of a cell is within `RADIUS` cells of an object's center (M, P)."""
    apart = (grid.centers - boxes[:, None, :2]).abs()
    return (apart < RADIUS * grid.strides).all(-1)


def _class_cost(classes: Tensor, objectness: Tensor, logits: Tensor) -> Tensor:
    """The cross-entropy between each cell's classes and each object's (M, N).

    A cell predicts class c with probability p_c, the geometric mean of P(object) and P(c | object).
    The cost of an object of class y is -log p_y - sum over the other classes of log(1 - p_c).
    """
    probabilities = (logits.sigmoid() * objectness.sigmoid()[:, None]).sqrt()  # (N, C)
    # As in torch's cross-entropy, the log of 0 is -100.
    right = probabilities.log().clamp(min=-100).T
    wrong = (1 - probabilities).log().clamp(min=-100).T
    return wrong[classes] - right[classes] - wrong.sum(0)


def _cheapest(cost: Tensor, ious: Tensor) -> Tensor:
    """For each object its k cheapest cells, k by its IoU: True in (M, N)."""
    best = ious.topk(min(BEST, ious.shape[1]), dim=1).values
    counts = best.sum(1).int().clamp(min=1)
    ranks = cost.argsort(dim=1).argsort(dim=1)
    return ranks < counts[:, None]
