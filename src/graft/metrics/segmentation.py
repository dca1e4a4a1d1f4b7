"""How good predicted masks are, by counts of pixels.

Scores are an object array (N,) of `PixelCounts`, which `count_pixels` takes of the predicted and
the true mask of each image, so that no mask is kept; targets are not read. Ignored pixels count for
nothing. All values are of the sums over the images, and means over the classes that occur in a true
or a predicted mask, the background among them where it is a class; nan if there are none.

Example: graft evaluate runs/leaves leaves
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from graft.base.evidence import Column
from graft.metrics.metric import divide, metric_of_sums

TOLERANCE = 0.0075
"""How far a border may be off, as a share of the diagonal of the picture: that of Csurka et al."""


@dataclass(frozen=True)
class PixelCounts:
    """What is kept of a predicted mask of C classes.

    `pixels` (3, C) counts of each class the pixels that are predicted and true, predicted, true;
    `borders` (4, C) the border pixels that are predicted near a true border, predicted, true near a
    predicted border, true. `confused` (K, 3) has the pixels of each pair of a true and a predicted
    class that occurs.
    """

    pixels: NDArray[np.int64]
    borders: NDArray[np.int64]
    confused: NDArray[np.int64]


def count_pixels(
    predicted: NDArray, true: NDArray, num_classes: int, ignored: int = 255
) -> PixelCounts:
    """Count the pixels of two masks (H, W) of class numbers; `ignored` is one of the true mask."""
    counts = predicted.ravel().astype(np.int64)[true.ravel() != ignored]
    counts += num_classes * true.ravel().astype(np.int64)[true.ravel() != ignored]
    matrix = np.bincount(counts, minlength=num_classes**2).reshape(num_classes, num_classes)
    rows, columns = np.nonzero(matrix)
    return PixelCounts(
        np.stack([matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)]),
        _count_borders(np.where(true == ignored, true, predicted), true, num_classes, ignored),
        np.stack([rows, columns, matrix[rows, columns]], axis=1),
    )


def _count_borders(
    predicted: NDArray, true: NDArray, num_classes: int, ignored: int
) -> NDArray[np.int64]:
    """The `borders` (4, C) of `PixelCounts`."""
    reach = TOLERANCE * math.hypot(*true.shape)
    ours, theirs = (find_borders(mask, ignored) for mask in (predicted, true))
    counts = np.zeros((4, num_classes), np.int64)
    for number in np.union1d(predicted[ours], true[theirs]):
        guessed = np.argwhere(ours & (predicted == number))
        actual = np.argwhere(theirs & (true == number))
        near = (_count_near(guessed, actual, reach), _count_near(actual, guessed, reach))
        counts[:, number] = near[0], len(guessed), near[1], len(actual)
    return counts


def find_borders(mask: NDArray, ignored: int = 255) -> NDArray[np.bool_]:
    """The pixels (H, W) that have a neighbor of another class above, below or beside them.

    The edge of the picture and that of ignored pixels are no borders.
    """
    borders = np.zeros(mask.shape, bool)
    for axis in (0, 1):
        first, last = (
            (slice(None),) * axis + (slice(-1),),
            (slice(None),) * axis + (slice(1, None),),
        )
        one, other = mask[first], mask[last]
        differs = (one != other) & (one != ignored) & (other != ignored)
        borders[first] |= differs
        borders[last] |= differs
    return borders


def _count_near(points: NDArray, others: NDArray, reach: float) -> int:
    """How many of the points (N, 2) lie within reach of one of the others."""
    if not len(points) or not len(others):
        return 0
    # The bound of a query leaves out what lies exactly on it, and distances here are often whole.
    bound = np.nextafter(reach, math.inf)
    distances, _ = cKDTree(others).query(points, distance_upper_bound=bound)
    return int(np.isfinite(distances).sum())


def _pixels(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3C)"""
    return np.array([counts.pixels.ravel() for counts in scores], float).reshape(len(scores), -1)


def _borders(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 4C)"""
    return np.array([counts.borders.ravel() for counts in scores], float).reshape(len(scores), -1)


def _split(sums: NDArray, parts: int) -> Sequence[NDArray]:
    return np.split(sums, parts, axis=-1)


def _unions(sums: NDArray) -> NDArray:
    """IoU (..., C) of sums (..., 3C); nan of a class that is nowhere."""
    both, predicted, actual = _split(sums, 3)
    return divide(both, predicted + actual - both)


def _dices(sums: NDArray) -> NDArray:
    """Dice (..., C) of sums (..., 3C); nan of a class that is nowhere."""
    both, predicted, actual = _split(sums, 3)
    return divide(2 * both, predicted + actual)


def _border_f1s(sums: NDArray) -> NDArray:
    """F1 (..., C) of sums (..., 4C); 0 if one side has a border and no other, nan if none has."""
    near_true, predicted, near_predicted, actual = _split(sums, 4)
    precision, recall = divide(near_true, predicted), divide(near_predicted, actual)
    f1 = np.nan_to_num(divide(2 * precision * recall, precision + recall))
    return np.where(predicted + actual > 0, f1, np.nan)


def _mean(values: NDArray) -> NDArray:
    """The mean over the last axis of what is not nan."""
    return divide(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def _accuracy(sums: NDArray) -> NDArray:
    both, _, actual = _split(sums, 3)
    return divide(both.sum(axis=-1), actual.sum(axis=-1))


NO_PIXEL = "all pixels are ignored"

miou = metric_of_sums(
    "miou", _pixels, lambda sums: _mean(_unions(sums)), words="mIoU", undefined=NO_PIXEL
)
"""The mean over the classes of the pixels that are predicted and true of those that are either."""

dice = metric_of_sums(
    "dice", _pixels, lambda sums: _mean(_dices(sums)), words="Dice", undefined=NO_PIXEL
)
"""The mean over the classes of the F1 of their pixels."""

pixel_accuracy = metric_of_sums("pixel_accuracy", _pixels, _accuracy, undefined=NO_PIXEL)
"""The share of pixels that have the right class."""

boundary_f1 = metric_of_sums(
    "boundary_f1",
    _borders,
    lambda sums: _mean(_border_f1s(sums)),
    words="boundary F1",
    undefined="no two classes meet in any picture",
)
"""The mean over the classes of the F1 of their borders.

A border pixel has a neighbor of another class. It is right if the other mask has a border pixel of
its class no farther away than 0.75 % of the diagonal of the picture. Source: Csurka et al., BMVC
2013, here of the sums over the images instead of a mean over them."""

METRICS = {metric.name: metric for metric in (miou, dice, pixel_accuracy, boundary_f1)}

RANK = "iou"
"""The column of `per_class` by which classes are ranked."""
COLUMNS = (
    Column(RANK, "IoU (%)"),
    Column("dice", "Dice"),
    Column("boundary_f1", "boundary F1"),
    Column("pixels", "pixels", "count"),
)
"""What the numbers of `per_class` are."""


def per_class(scores: NDArray, classes: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """Class -> `iou`, `dice`, `boundary_f1` (nan where it is nowhere) and `pixels` of the truth."""
    pixels, borders = (
        np.sum([getattr(counts, part) for counts in scores], axis=0, dtype=float).ravel()
        for part in ("pixels", "borders")
    )
    unions, dices, border_f1s = _unions(pixels), _dices(pixels), _border_f1s(borders)
    return {
        name: {
            "iou": float(unions[number]),
            "dice": float(dices[number]),
            "boundary_f1": float(border_f1s[number]),
            "pixels": int(_split(pixels, 3)[2][number]),
        }
        for number, name in enumerate(classes)
    }


def quality(scores: NDArray) -> NDArray[np.float64]:
    """The mIoU (N,) of each image; nan where all pixels are ignored."""
    return _mean(_unions(_pixels(scores, scores)))


def confusion(scores: NDArray, num_classes: int) -> NDArray[np.int64]:
    """(C, C) counts of pixels: rows are true classes, columns predicted ones."""
    matrix = np.zeros((num_classes, num_classes), np.int64)
    for counts in scores:
        rows, columns, pixels = counts.confused.T
        matrix[rows, columns] += pixels
    return matrix
