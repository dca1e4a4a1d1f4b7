"""Outlines of objects, as COCO has them, drawn as a mask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.records import LabeledBox, RunLengths
from graft.data.images.open import image_size
from graft.data.masks.coding import MOST_NUMBER, Coding

BACKGROUND = "background"
"""The class of pixels in no object."""


@dataclass(frozen=True)
class Outlines:
    """The objects in a picture: a path, bytes or pixels, of which only the size is read."""

    picture: Any
    objects: tuple[LabeledBox, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture. Raises DataError."""
        return image_size(self.picture, str(self.picture)[:100])


def outline_coding(labels: list[str], origin: str) -> Coding:
    """The coding of masks that are drawn from outlines: 0 is the background."""
    names = [BACKGROUND, *(label for label in labels if label != BACKGROUND)]
    ranges = [(number, number, name) for number, name in enumerate(names)]
    return Coding(numbers=(*ranges, (len(names), MOST_NUMBER, None)), origin=origin)


def draw(outlines: Outlines, classes: list[str]) -> NDArray[np.int64]:
    """The place among `classes` (H, W) of the object that each pixel is in.

    Of objects that overlap, the smaller one is on top: a large one is behind it. A box whose
    outline is not known is ignored where no other object is.
    """
    size = width, height = outlines.size
    number = {name: place for place, name in enumerate(classes)}
    codes = np.full((height, width), number[BACKGROUND], np.int64)
    known = [(_pixels(each, size), each) for each in outlines.objects if each.outline]
    for each in outlines.objects:
        if not each.outline:
            left, top, right, bottom = (max(round(edge), 0) for edge in each.box)
            codes[top:bottom, left:right] = len(classes)
    for pixels, each in sorted(known, key=lambda pair: -int(pair[0].sum())):
        codes[pixels] = number[each.label]
    return codes


def _pixels(item: LabeledBox, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels (H, W) are in the object."""
    if isinstance(item.outline, RunLengths):
        counts = np.asarray(item.outline.counts, np.int64)
        is_inside = np.arange(len(counts)) % 2 == 1
        flat = np.repeat(is_inside, counts)
        return flat.reshape(item.outline.width, item.outline.height).T
    pixels = np.zeros(size[::-1], np.bool_)
    for polygon in item.outline:
        pixels |= _fill(np.reshape(polygon, (-1, 2)), size)
    return pixels


def _fill(points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels (H, W) have their middle in a polygon of points (N, 2), edges crossing or not.

    Along a row one is inside after an odd number of edges (the even-odd rule).
    """
    width, height = size
    edges = np.zeros((height, width + 1), np.int32)
    for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y == next_y:
            continue
        top, bottom = sorted((y, next_y))
        first, end = (min(max(math.ceil(edge - 0.5), 0), height) for edge in (top, bottom))
        rows = np.arange(first, end)
        crossings = x + (rows + 0.5 - y) * (next_x - x) / (next_y - y)
        edges[rows, np.ceil(crossings - 0.5).clip(0, width).astype(int)] += 1
    return edges.cumsum(axis=1)[:, :width] % 2 == 1
