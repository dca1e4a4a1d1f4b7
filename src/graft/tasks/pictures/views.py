"""What an input shows: a view of one picture, or a mosaic of several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graft.backbones.preprocess.augment import Recolor
from graft.backbones.preprocess.mosaic import TILES, Tile, draw_tiles
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.records import Sample
from graft.data.images.open import image_size

MOSAICS = 0.5
"""The share of strongly augmented views that are mosaics: the others show objects as large as they
will be."""


@dataclass(frozen=True)
class TiledView:
    """The samples that an input shows, each in a tile of it, and the change of all its pixels."""

    tiles: list[tuple[Sample, Tile]]
    recolor: Recolor


def count_companions(preprocess: ImagePreprocess) -> int:
    """Return how many other pictures a view may show: three if it is strongly augmented."""
    return TILES - 1 if preprocess.augment == "strong" else 0


def draw_view(
    sample: Sample, preprocess: ImagePreprocess, rng: np.random.Generator | None
) -> TiledView:
    """Draw a view of a sample, half of the time a mosaic if it has companions.

    Only headers of pictures are read, those of the companions for a mosaic.
    """
    view = preprocess.view(image_size(sample.roles["image"], sample.id), rng)
    if rng is None or not sample.companions or rng.random() >= MOSAICS:
        return TiledView([(sample, Tile((0, 0), view.geometry))], view.recolor)
    samples = (sample, *sample.companions)
    sizes = [image_size(each.roles["image"], each.id) for each in samples]
    tiles = draw_tiles(sizes, preprocess.size, rng)
    return TiledView(list(zip(samples, tiles, strict=True)), view.recolor)
