"""Average precision of detected boxes as COCO has it: equal to `COCOeval` of pycocotools.

Scores and targets are object arrays (N,): the prediction and the truth of each image, as in
`graft.metrics.matching`. The values are means over the classes that have objects, at 101 points of
recall; a class without objects is left out, and without any object the value is nan.
Source: Lin et al., arXiv:1405.0312, and cocodataset.org/#detection-eval.
Example: graft evaluate runs/cells cells
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.evidence import Column, Curve, Curves
from graft.metrics.matching import (
    ALL_AREAS,
    NOTHING,
    Matched,
    assign,
    box_ious,
    match,
    read_prediction,
    read_truth,
)
from graft.metrics.metric import (
    BLOCK,
    Measurement,
    Metric,
    Terms,
    divide,
    influence_by_omission,
)

IOU_THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""The thresholds of the IoU from which on a detection is right; AP is the mean over them."""
RECALLS = np.linspace(0, 1, 101)
SMALL, LARGE = 32.0**2, 96.0**2
"""Objects up to the first area are small, and from the second on large."""


@dataclass(frozen=True)
class ClassDetections:
    """What is known of one class: its detections by falling score, at T thresholds of the IoU.

    `images` (D,) has the number of each detection's image, `right` and `ignored` (T, D) are as in
    `Matched`; `objects` (M,) has the image of each object that counts.
    """

    images: NDArray
    right: NDArray
    ignored: NDArray
    objects: NDArray

    def precisions(self) -> NDArray:
        """The precision (T, 101) that is reached with at least each recall."""
        size = np.array([len(self.objects)])
        return np.concatenate([self._precisions(row, size, None) for row in range(len(self.right))])

    def recalls(self) -> NDArray:
        """The share (T,) of the objects that have a right detection."""
        return self.right.sum(axis=1) / len(self.objects)

    def left_out(self, clusters: NDArray) -> tuple[NDArray, NDArray]:
        """The clusters (B,) with anything of the class, and its AP (B,) without each of them.

        It is nan without the only cluster that has objects.
        """
        of_detections, of_objects = clusters[self.images], clusters[self.objects]
        changed = np.unique(np.concatenate([of_detections, of_objects]))
        places = np.searchsorted(changed, of_detections)
        sizes = len(of_objects) - np.bincount(
            np.searchsorted(changed, of_objects), minlength=len(changed)
        )
        step = max(1, BLOCK // (len(of_objects) + len(RECALLS)))
        values = [
            self._mean_precision(sizes[start : start + step], places - start)
            for start in range(0, len(changed), step)
        ]
        return changed, np.where(sizes > 0, np.concatenate(values), np.nan)

    def _mean_precision(self, sizes: NDArray, places: NDArray) -> NDArray:
        rows = range(len(self.right))
        return np.mean([self._precisions(row, sizes, places).mean(axis=1) for row in rows], axis=0)

    def _precisions(self, row: int, sizes: NDArray, places: NDArray | None) -> NDArray:
        """The precision (B, 101) at one threshold, of `sizes` (B,) objects.

        `places` (D,) has for each detection the row in which it is left out, if any. Precision is
        highest where a detection is right: only there it is computed.
        """
        right = self.right[row]
        wrong = ~right & ~self.ignored[row]
        hits, misses = np.flatnonzero(right), np.flatnonzero(wrong)
        if not len(hits):
            return np.zeros((len(sizes), len(RECALLS)))
        true = np.broadcast_to(np.arange(1, len(hits) + 1), (len(sizes), len(hits)))
        false = np.broadcast_to(wrong.cumsum()[hits], true.shape)
        if places is not None:
            true = true - _counts(places[hits], np.arange(len(hits)), true.shape)
            false = false - _counts(places[misses], np.searchsorted(hits, misses), true.shape)
        precision = np.divide(true, true + false, out=np.zeros(true.shape), where=true > 0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return np.take_along_axis(
            np.pad(best, ((0, 0), (0, 1))), _places_of_recalls(true, sizes), axis=1
        )


def _counts(rows: NDArray, columns: NDArray, shape: tuple[int, int]) -> NDArray:
    """How many of the places (rows, columns) lie in each row up to each column; some lie outside"""
    inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    keys = rows[inside] * shape[1] + columns[inside]
    return np.bincount(keys, minlength=shape[0] * shape[1]).reshape(shape).cumsum(axis=1)


def _places_of_recalls(true: NDArray, sizes: NDArray) -> NDArray:
    """The column (B, 101) where each recall is reached; the one after the last if it never is.

    `true` (B, P) counts the right detections so far, of `sizes` (B,) objects.
    """
    size = np.maximum(sizes, 1)[:, None]
    wanted = np.ceil(RECALLS * size)
    # The quotient decides, as it does in pycocotools; the product may be rounded to the next count.
    wanted -= (wanted - 1) / size >= RECALLS
    wanted += wanted / size < RECALLS
    num_rows, num_hits = true.shape
    wanted = np.clip(wanted, 1, num_hits + 1)
    # Rows one above the other, so that all are searched at once.
    offset = np.arange(num_rows)[:, None] * (num_hits + 1)
    places = np.searchsorted((true + offset).ravel(), (wanted + offset).ravel())
    return places.reshape(wanted.shape) - np.arange(num_rows)[:, None] * num_hits


def _by_class(terms: Terms, num_thresholds: int) -> Iterator[tuple[int, ClassDetections]]:
    """Each class that has objects, with its detections in all images."""
    columns = list(zip(*terms, strict=True)) or [()] * 5
    classes, scores, right, ignored, objects = (
        np.concatenate([np.asarray(values) for values in column] or [np.zeros(0)])
        for column in columns
    )
    images, owners = (
        np.repeat(np.arange(len(terms)), np.array([len(values) for values in column], int))
        for column in (columns[0], columns[4])
    )
    order = np.lexsort((-scores, classes))  # stable: equal scores stay in the order of the images
    bits = 1 << np.arange(num_thresholds)[:, None]
    is_right, is_ignored = (flags.astype(int) & bits > 0 for flags in (right, ignored))
    for number in np.unique(objects):
        rows = order[slice(*np.searchsorted(classes[order], [number, number + 1]))]
        yield (
            int(number),
            ClassDetections(
                images[rows], is_right[:, rows], is_ignored[:, rows], owners[objects == number]
            ),
        )


def _term(matched: Matched) -> list[list[Any]]:
    """Of an image the classes and scores of its detections, what each is worth, and its objects.

    A bit of the numbers in the third and fourth list is a threshold: whether the detection is
    right there, and whether it is ignored.
    """
    bits = 1 << np.arange(len(matched.right))
    columns = (
        matched.classes,
        matched.scores,
        bits @ matched.right,
        bits @ matched.ignored,
        matched.objects,
    )
    return [column.tolist() for column in columns]


def _terms(thresholds: Sequence[float], areas: tuple[float, float]) -> Callable[..., Terms]:
    def terms(scores: NDArray, targets: NDArray) -> Terms:
        pairs = zip(scores, targets, strict=True)
        return [_term(match(guess, true, thresholds, areas)) for guess, true in pairs]

    return terms


def _weigh(terms: Terms, num_thresholds: int) -> Measurement:
    parts = [part for _, part in _by_class(terms, num_thresholds)]
    values = [part.precisions().mean() for part in parts]
    return Measurement(
        float(np.mean(values)) if parts else float("nan"),
        lambda clusters: _influence(parts, values, clusters),
        lambda: _effective_images(parts),
    )


def _influence(
    parts: Sequence[ClassDetections], values: Sequence[float], clusters: NDArray
) -> NDArray:
    """The jackknife of the mean over classes: what is left out changes a few classes only."""
    count = int(clusters.max(initial=-1)) + 1
    sums, defined = np.zeros((2, count))
    for part, value in zip(parts, values, strict=True):
        changed, without = part.left_out(clusters)
        each = np.full(count, value)
        each[changed] = without
        sums, defined = sums + np.nan_to_num(each), defined + ~np.isnan(each)
    return influence_by_omission(divide(sums, defined))


def _effective_images(parts: Sequence[ClassDetections]) -> float:
    """The effective number of images of a mean over classes, each with objects in so many."""
    images = np.array([len(np.unique(part.objects)) for part in parts], float)
    return float(len(images) ** 2 / (1 / images).sum()) if parts else 0.0


def _metric(
    name: str, thresholds: Sequence[float], words: str, areas: tuple[float, float] = ALL_AREAS
) -> Metric:
    kind = words.partition(" of ")[2] or "objects"
    return Metric(
        name,
        _terms(thresholds, areas),
        lambda terms: _weigh(terms, len(thresholds)),
        words=words,
        undefined=f"no picture has any {kind}",
    )


ap = _metric("ap", IOU_THRESHOLDS, "AP")
"""Average precision: the mean over ten thresholds of the IoU from 0.5 to 0.95, and over classes."""

ap50 = _metric("ap50", (0.5,), "AP50")
"""Average precision where a detection is right from an IoU of 0.5 on, as in Pascal VOC."""

ap75 = _metric("ap75", (0.75,), "AP75")
"""Average precision where a detection is right from an IoU of 0.75 on."""

ap_small = _metric("ap_small", IOU_THRESHOLDS, "AP of small objects", (0.0, SMALL))
"""AP of objects of up to 32 x 32 pixels of the file; nan if there are none."""

ap_medium = _metric("ap_medium", IOU_THRESHOLDS, "AP of medium objects", (SMALL, LARGE))
"""AP of objects of 32 x 32 to 96 x 96 pixels of the file; nan if there are none."""

ap_large = _metric("ap_large", IOU_THRESHOLDS, "AP of large objects", (LARGE, ALL_AREAS[1]))
"""AP of objects of 96 x 96 pixels of the file and more; nan if there are none."""

METRICS = {metric.name: metric for metric in (ap, ap50, ap75, ap_small, ap_medium, ap_large)}

RANK = "ap"
"""The column of `per_class` by which classes are ranked."""
COLUMNS = (
    Column(RANK, "AP (%)"),
    Column("ap50", "AP50"),
    Column("recall", "recall"),
    Column("objects", "objects", "count"),
)
"""What the numbers of `per_class` are."""


def per_class(
    scores: NDArray, targets: NDArray, classes: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Class -> `ap`, `ap50`, `recall` at an IoU of 0.5, and `objects`; nan without objects."""
    parts = dict(_by_class(ap.terms(scores, targets), len(IOU_THRESHOLDS)))
    nothing = {"ap": float("nan"), "ap50": float("nan"), "recall": float("nan"), "objects": 0}
    return {
        name: _numbers(parts[number]) if number in parts else nothing
        for number, name in enumerate(classes)
    }


def _numbers(part: ClassDetections) -> dict[str, float | int]:
    each = part.precisions().mean(axis=1)
    return {
        "ap": float(each.mean()),
        "ap50": float(each[0]),
        "recall": float(part.recalls()[0]),
        "objects": len(part.objects),
    }


MOST_CLASSES = 8
"""More lines than these cannot be distinguished in one panel."""


def curves(scores: NDArray, targets: NDArray, classes: Sequence[str]) -> tuple[Curves, ...]:
    """Precision by recall: the mean over classes at two thresholds, and each of a few classes."""
    parts = dict(_by_class(ap.terms(scores, targets), len(IOU_THRESHOLDS)))
    if not parts:
        return ()
    of_classes = {number: part.precisions() for number, part in parts.items()}
    mean = np.mean(list(of_classes.values()), axis=0)
    lines = [
        _line(f"IoU {IOU_THRESHOLDS[row]:g}", mean[row]) for row in (0, IOU_THRESHOLDS.index(0.75))
    ]
    panels = [Curves("Precision by recall", "recall", "precision", tuple(lines))]
    if 1 < len(parts) <= MOST_CLASSES:
        each = [_line(classes[number], rows[0]) for number, rows in of_classes.items()]
        heading = f"By class, IoU {IOU_THRESHOLDS[0]:g}"
        panels.append(Curves(heading, "recall", "precision", tuple(each)))
    return tuple(panels)


def _line(name: str, precision: NDArray) -> Curve:
    return Curve(name, RECALLS.round(2).tolist(), precision.round(4).tolist())


CONFIDENCE = 0.5
"""Detections below it are no predictions to a person, though they count for AP."""


def confusion(
    scores: NDArray, targets: NDArray, num_classes: int, confidence: float = CONFIDENCE
) -> NDArray[np.int64]:
    """(C + 1, C + 1) counts of objects: rows are true classes, columns predicted; the background
    is the last of both.

    Detections from `confidence` on are matched to objects at an IoU of 0.5 or more: first of their
    own class, then of any. Those on crowds are left out.
    """
    matrix = np.zeros((num_classes + 1, num_classes + 1), np.int64)
    for guess, true in zip(scores, targets, strict=True):
        boxes, confidences, classes = read_prediction(guess)
        is_kept = confidences >= confidence
        boxes, classes = boxes[is_kept], classes[is_kept]
        objects, theirs, crowd, _ = read_truth(true)
        ious = box_ious(boxes, objects, crowd)
        matches = _assign_twice(ious, classes, theirs, crowd)
        is_missed = ~crowd
        is_missed[matches[matches != NOTHING]] = False
        on_crowd = (matches != NOTHING) & np.append(crowd, False)[matches]
        rows = np.append(theirs, num_classes)[matches]
        np.add.at(matrix, (rows[~on_crowd], classes[~on_crowd]), 1)
        np.add.at(matrix, (theirs[is_missed], num_classes), 1)
    return matrix


def _assign_twice(ious: NDArray, classes: NDArray, theirs: NDArray, crowd: NDArray) -> NDArray:
    """The object (D,) of each detection: of its own class if there is one, else of another."""
    same = ious * (classes[:, None] == theirs)
    matches = assign(same, IOU_THRESHOLDS[:1], crowd, crowd)[0]
    is_left = np.ones(len(theirs), bool)
    is_left[matches[matches != NOTHING]] = False
    others = ious * (is_left | crowd) * (matches == NOTHING)[:, None]
    again = assign(others, IOU_THRESHOLDS[:1], crowd, crowd)[0]
    return np.where(matches == NOTHING, again, matches)
