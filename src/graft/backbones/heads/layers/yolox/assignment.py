"""SimOTA: which places of the pyramid are to find which object of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from graft.backbones.heads.layers.yolox.predictor import Places

RADIUS = 1.5
"""How many cells a place may be away from the center of an object that it is to find."""
BEST = 10
"""So many of the best overlaps tell how many places are to find an object."""
WEIGHT = 3.0
"""What the box counts for, beside the class, in the cost of a place."""
FAR = 1e6
"""The cost of a place that is not near the object's center, beyond all others."""


@dataclass(frozen=True)
class Assignment:
    """Places that are to find an object, F of one picture's P."""

    places: Tensor
    """Which places these are (F,)."""
    objects: Tensor
    """Which object each is to find (F,)."""
    overlaps: Tensor
    """How well each one's box covers it already: the intersection over union (F,)."""


@torch.no_grad()
def assign(
    boxes: Tensor,
    classes: Tensor,
    predicted: Tensor,
    objectness: Tensor,
    logits: Tensor,
    places: Places,
) -> Assignment:
    """Choose for each object the places that find it most cheaply (arXiv:2107.08430, 2.3).

    Formula: cost = class + 3 (-log IoU), by the class's cross-entropy and the overlap of box and
    object; only places within 1.5 cells of an object's center can be chosen. An object gets
    k = max(1, floor(sum of its ten best IoU)) places, those of the least cost; a place that several
    objects ask for goes to the one of the least cost. It is a short way to what OTA
    (arXiv:2103.14259) finds by optimal transport.

    `boxes` (M, 4) and `predicted` (P, 4) are center x and y, width and height in pixels; `classes`
    (M,); `objectness` (P,) and `logits` (P, C) of the head.
    """
    near = _near_centers(boxes, places)  # (M, P)
    (candidates,) = near.any(0).nonzero(as_tuple=True)
    if len(candidates) == 0:
        nothing = boxes.new_zeros(0)
        return Assignment(candidates, candidates, nothing)
    overlaps = overlap_matrix(boxes, predicted[candidates])  # (M, N)
    cost = _class_cost(classes, objectness[candidates], logits[candidates])
    cost = cost - WEIGHT * torch.log(overlaps + 1e-8)  # no overlap at all costs 55, not infinity
    cost = cost + FAR * ~near[:, candidates]
    chosen = _cheapest(cost, overlaps)
    disputed = chosen.sum(0) > 1
    cheapest = functional.one_hot(cost.argmin(0), len(boxes)).T.bool()
    chosen = torch.where(disputed, cheapest, chosen)
    (kept,) = chosen.any(0).nonzero(as_tuple=True)
    objects = chosen[:, kept].float().argmax(0)
    return Assignment(candidates[kept], objects, overlaps[objects, kept])


def overlap_matrix(boxes: Tensor, others: Tensor) -> Tensor:
    """The intersection over union of each box (M, 4) with each other one (N, 4), (M, N)."""
    low = torch.maximum(
        (boxes[:, :2] - boxes[:, 2:] / 2)[:, None], others[:, :2] - others[:, 2:] / 2
    )
    high = torch.minimum(
        (boxes[:, :2] + boxes[:, 2:] / 2)[:, None], others[:, :2] + others[:, 2:] / 2
    )
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (boxes[:, 2:].prod(-1)[:, None] + others[:, 2:].prod(-1) - shared)


def _near_centers(boxes: Tensor, places: Places) -> Tensor:
    """Whether the middle of a place is within `RADIUS` cells of an object's center (M, P)."""
    apart = (places.centers - boxes[:, None, :2]).abs()
    return (apart < RADIUS * places.strides).all(-1)


def _class_cost(classes: Tensor, objectness: Tensor, logits: Tensor) -> Tensor:
    """The cross-entropy between each place's classes and each object's (M, N).

    A place says class c with probability p_c, the geometric mean of P(object) and P(c | object).
    The cost of an object of class y is -log p_y - sum over the other classes of log(1 - p_c).
    """
    probabilities = (logits.sigmoid() * objectness.sigmoid()[:, None]).sqrt()  # (N, C)
    # As in torch's cross-entropy, the log of 0 is -100.
    right = probabilities.log().clamp(min=-100).T
    wrong = (1 - probabilities).log().clamp(min=-100).T
    return wrong[classes] - right[classes] - wrong.sum(0)


def _cheapest(cost: Tensor, overlaps: Tensor) -> Tensor:
    """For each object its k cheapest places, k by its overlaps: True in (M, N)."""
    best = overlaps.topk(min(BEST, overlaps.shape[1]), dim=1).values
    counts = best.sum(1).int().clamp(min=1)
    ranks = cost.argsort(dim=1).argsort(dim=1)
    return ranks < counts[:, None]
