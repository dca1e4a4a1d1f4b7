"""Boxes of objects as arrays: clipped, listed, and compared with those that are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.records import LabeledBox
from graft.metrics.matching import NOTHING, assign, box_areas, box_ious, match, read_truth

VISIBLE = 0.3
"""The least share of an object that must be in view to be learned from."""
LEAST_SIDE = 1.0
"""The least width and height in pixels of the input of such an object."""
IOU_THRESHOLD = 0.5
"""The IoU from which on a detection is that of an object."""

Arrays = Mapping[str, NDArray]
"""The detections or objects of a picture: see `graft.metrics.matching`."""


def as_arrays(boxes: Sequence[LabeledBox], index: Mapping[str, int]) -> dict[str, NDArray]:
    """The objects of a picture: boxes (M, 4), classes (M,), crowd (M,) and area (M,)."""
    corners = np.array([box.box for box in boxes], float).reshape(-1, 4)
    areas = zip(boxes, box_areas(corners), strict=True)
    return {
        "boxes": corners,
        "classes": np.array([index[box.label] for box in boxes], np.int64),
        "crowd": np.array([box.is_crowd for box in boxes], bool),
        "area": np.array([a if box.area is None else box.area for box, a in areas], float),
    }


def as_object(box: LabeledBox) -> dict[str, Any]:
    """An object as JSON: its label and box, and that it is a crowd if it is one."""
    plain = {"label": box.label, "box": [float(edge) for edge in box.box]}
    return {**plain, "crowd": True} if box.is_crowd else plain


def read_objects(listed: Sequence[Mapping[str, Any]], index: Mapping[str, int]) -> Arrays:
    """The arrays of objects as JSON; their score is 1 without one."""
    return {
        "boxes": np.array([each["box"] for each in listed], float).reshape(-1, 4),
        "classes": np.array([index[each["label"]] for each in listed], np.int64),
        "crowd": np.array([bool(each.get("crowd")) for each in listed], bool),
        "scores": np.array([each.get("score", 1.0) for each in listed], float),
    }


def clip(boxes: NDArray, size: tuple[int, int]) -> tuple[NDArray, NDArray]:
    """Boxes (N, 4) inside a picture of this width and height, and which are in view (N,)."""
    clipped = np.clip(boxes, 0, np.array(size * 2, float))
    in_view = box_areas(clipped) >= VISIBLE * box_areas(boxes)
    return clipped, in_view & ~are_tiny(clipped)


def are_tiny(boxes: NDArray) -> NDArray[np.bool_]:
    """Which boxes (N, 4), in pixels of the input, are too small to be learned from (N,)."""
    return (boxes[:, 2:] - boxes[:, :2] < LEAST_SIDE).any(axis=1)


def mistakes(detected: Arrays, true: Arrays) -> tuple[int, NDArray]:
    """The number of objects that are not found, and the scores of detections that are wrong."""
    boxes, classes, crowd, _ = read_truth({**true, "area": box_areas(true["boxes"])})
    ious = box_ious(detected["boxes"], boxes, crowd) * (detected["classes"][:, None] == classes)
    order = np.argsort(-detected["scores"], kind="stable")
    matches = assign(ious[order], (IOU_THRESHOLD,), crowd, crowd)[0]
    is_found = np.isin(np.flatnonzero(~crowd), matches)
    return int((~is_found).sum()), detected["scores"][order][matches == NOTHING]


def best_threshold(scores: NDArray, targets: NDArray, usual: float) -> float:
    """The score from which on detections have the best F1; the usual one if none is right."""
    matched = [
        match(one, true, (IOU_THRESHOLD,)) for one, true in zip(scores, targets, strict=True)
    ]
    num_objects = sum(len(each.objects) for each in matched)
    counted = [~each.ignored[0] for each in matched]
    confidences = np.concatenate([m.scores[c] for m, c in zip(matched, counted, strict=True)])
    right = np.concatenate([m.right[0][c] for m, c in zip(matched, counted, strict=True)])
    if not right.any():
        return usual
    order = np.argsort(-confidences, kind="stable")
    hits = right[order].cumsum()
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + num_objects)
    # Of equal scores all are detections, or none.
    last = np.append(np.diff(confidences[order]) < 0, True)
    return float(confidences[order][np.where(last, f1, -1.0).argmax()])


def f1_of_pictures(scores: NDArray, targets: NDArray, threshold: float) -> list[float]:
    """The F1 (N,) of each picture's detections from a score on; nan without objects and them."""
    values = []
    for one, true in zip(scores, targets, strict=True):
        kept = one["scores"] >= threshold
        matched = match({name: array[kept] for name, array in one.items()}, true, (IOU_THRESHOLD,))
        hits, detections = matched.right.sum(), (~matched.ignored).sum()
        total = detections + len(matched.objects)
        values.append(2 * hits / total if total else float("nan"))
    return values
