"""Mosaics: four pictures in one input, each in a tile of it (YOLOv4, arXiv:2004.10934)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graft.backbones.preprocess.geometry import Geometry, zoomed

TILES = 4
CENTER = (0.25, 0.75)
"""Where the four tiles meet, as a share of each side of the input."""
ZOOM = (0.8, 2.0)
"""The range of what a tile shows, as factors of its share of the letterbox: objects appear half to
1.25 times as large as in the whole picture."""


@dataclass(frozen=True)
class Tile:
    """A part of an input, by its left and top edge in pixels, and the picture that is seen in it.

    The `size` of the geometry is that of the tile.
    """

    corner: tuple[int, int]
    geometry: Geometry

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns of the input that the tile covers."""
        (left, top), (width, height) = self.corner, self.geometry.size
        return slice(top, top + height), slice(left, left + width)


def draw_tiles(
    pictures: Sequence[tuple[int, int]], size: tuple[int, int], rng: np.random.Generator
) -> list[Tile]:
    """Draw the tiles of four pictures of these sizes, which cover an input of `size`, row by row.

    Each shows a random part of its picture, mirrored half of the time, and no more than there is
    of it, but for the padding of a letterbox.
    """
    x, y = (round(side * rng.uniform(*CENTER)) for side in size)
    columns, rows = ((0, x), (x, size[0] - x)), ((0, y), (y, size[1] - y))
    places = [((left, top), (width, height)) for top, height in rows for left, width in columns]
    tiles = []
    for picture, (corner, part) in zip(pictures, places, strict=True):
        whole = min(size[0] / part[0], size[1] / part[1])
        box = zoomed(picture, size, (ZOOM[0], min(ZOOM[1], whole)), rng, part)
        tiles.append(Tile(corner, Geometry(box, part, rng.random() < 0.5)))
    return tiles
