"""Which detections are right: they are matched to objects by their IoU, as COCO does.

A prediction of an image is a dict of `boxes` (D, 4), `scores` (D,) and `classes` (D,). Its truth is
a dict of `boxes` (M, 4) and `classes` (M,), and optionally `crowd` (M,) of bool and
`area` (M,). Boxes are left, top, right, bottom in pixels.
Source: Lin et al., arXiv:1405.0312, and `COCOeval.evaluateImg` of pycocotools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_DETECTIONS = 100
"""Detections of a class that count in an image: those with the highest scores."""
NOTHING = -1
"""What stands for the object of a detection that has none."""
ALL_AREAS = (0.0, 1e10)

Boxes = Mapping[str, NDArray]
"""The prediction or the truth of one image: see above."""


@dataclass(frozen=True)
class Matched:
    """The detections of one image by falling score, at T thresholds of the IoU.

    A detection is `right` (T, D) if it is matched to an object that counts, and `ignored` (T, D) if
    it is neither right nor wrong. `objects` (M,) are the classes of the objects that count.
    """

    classes: NDArray
    scores: NDArray
    right: NDArray
    ignored: NDArray
    objects: NDArray


def match(
    prediction: Boxes,
    truth: Boxes,
    thresholds: Sequence[float],
    areas: tuple[float, float] = ALL_AREAS,
) -> Matched:
    """Match the detections of an image to its objects, at each threshold of the IoU.

    Crowds do not count, nor do objects whose area is outside of `areas`: a detection that is
    matched to one is ignored, and so is one of such an area that is matched to nothing.
    """
    boxes, scores, classes = read_prediction(prediction)
    objects, theirs, crowd, area = read_truth(truth)
    ious = box_ious(boxes, objects, crowd) * (classes[:, None] == theirs)
    uncounted = crowd | (area < areas[0]) | (area > areas[1])
    matches = assign(ious, thresholds, crowd, uncounted)
    is_matched, sizes = matches != NOTHING, box_areas(boxes)
    on_uncounted = is_matched & np.append(uncounted, False)[matches]
    outside = (sizes < areas[0]) | (sizes > areas[1])
    return Matched(
        classes,
        scores,
        right=is_matched & ~on_uncounted,
        ignored=on_uncounted | (~is_matched & outside),
        objects=theirs[~uncounted],
    )


def assign(
    ious: NDArray, thresholds: Sequence[float], crowd: NDArray, uncounted: NDArray
) -> NDArray[np.int64]:
    """The object (T, D) of each detection, by falling score, from their IoU (D, M).

    A detection gets the object of the highest IoU of those that are left, if it reaches the
    threshold; NOTHING if none does. Objects that are `uncounted` come after all others, and one
    that is a crowd is never used up.
    """
    least = np.minimum(np.asarray(thresholds, float), 1 - 1e-10)[:, None]
    matches = np.full((len(least), len(ious)), NOTHING)
    if not ious.size:
        return matches
    is_left = np.ones((len(least), ious.shape[1]), bool)
    # Most detections overlap nothing, and only those that do need a turn.
    for row in np.flatnonzero(ious.max(axis=1) >= least.min()):
        fitting = is_left & (ious[row] >= least)
        counted = fitting & ~uncounted
        fitting = np.where(counted.any(axis=1, keepdims=True), counted, fitting)
        # Of equal IoU pycocotools takes the last.
        best = ious.shape[1] - 1 - np.where(fitting, ious[row], -1.0)[:, ::-1].argmax(axis=1)
        at = np.flatnonzero(fitting.any(axis=1))
        matches[at, row] = best[at]
        is_left[at, best[at]] = crowd[best[at]]
    return matches


def box_ious(boxes: NDArray, objects: NDArray, crowd: NDArray) -> NDArray[np.float64]:
    """The IoU (D, M) of each pair of boxes (D, 4) and objects (M, 4).

    Of a crowd it is the share of the box that lies within, as COCO has it.
    """
    first = np.maximum(boxes[:, None, :2], objects[None, :, :2])
    last = np.minimum(boxes[:, None, 2:], objects[None, :, 2:])
    common = np.prod(np.maximum(last - first, 0), axis=2)
    areas, object_areas = box_areas(boxes)[:, None], box_areas(objects)
    union = np.where(crowd, areas, areas + object_areas - common)
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def box_areas(boxes: NDArray) -> NDArray[np.float64]:
    """The areas (N,) of boxes (N, 4)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def read_prediction(prediction: Boxes) -> tuple[NDArray, NDArray, NDArray]:
    """Boxes (D, 4), scores and classes (D,) by falling score, `MAX_DETECTIONS` of each class."""
    boxes = np.asarray(prediction["boxes"], float).reshape(-1, 4)
    scores, classes = np.asarray(prediction["scores"]), np.asarray(prediction["classes"], int)
    order = np.argsort(-scores, kind="stable")
    if len(order) > MAX_DETECTIONS:
        order = order[_ranks(classes[order]) < MAX_DETECTIONS]
    return boxes[order], scores[order], classes[order]


def _ranks(classes: NDArray) -> NDArray:
    """How many of the same class stand before each (N,)."""
    order = np.argsort(classes, kind="stable")
    in_order = classes[order]
    ranks = np.empty(len(classes), int)
    ranks[order] = np.arange(len(classes)) - np.searchsorted(in_order, in_order)
    return ranks


def read_truth(truth: Boxes) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Boxes (M, 4), classes (M,), which are crowds (M,), and areas (M,): those of the boxes."""
    boxes = np.asarray(truth["boxes"], float).reshape(-1, 4)
    crowd = np.asarray(truth.get("crowd", np.zeros(len(boxes))), bool)
    area = np.asarray(truth.get("area", box_areas(boxes)), float)
    return boxes, np.asarray(truth["classes"], int), crowd, area
