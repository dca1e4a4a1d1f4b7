"""At which width and height pictures enter a network that sees them whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graft.base.errors import BadValue
from graft.base.records import Sample
from graft.data.images.open import image_size

LOOKED_AT = 200
"""Pictures whose headers are read to know their usual shape, spread evenly over the split."""
STEP = 32
"""Both sides are multiples of the coarsest stride of a pyramid."""
SMALLEST = 2 * STEP
MOST_SIZE = 4096
"""The least and the greatest longer side that a user may ask for."""


def check_longest(task: str, size: int) -> None:
    """Raise BadValue for a size that no picture can be read at."""
    if not SMALLEST <= size <= MOST_SIZE:
        raise BadValue(
            f"The 'size' of {task} must be from {SMALLEST} to {MOST_SIZE:,} pixels. Got {size} "
            "instead."
        )


def usual_size(samples: Sequence[Sample]) -> tuple[int, int]:
    """Width and height of the usual picture: the medians of their area and of their shape.

    Raises DataError for a picture that cannot be read.
    """
    rows = np.unique(np.linspace(0, len(samples) - 1, LOOKED_AT).round().astype(int))
    sizes = np.array([image_size(samples[row].roles["image"], samples[row].id) for row in rows])
    logs = np.log(sizes)
    # In logarithms a picture twice as wide as high weighs as much as one twice as high as wide.
    area, shape = np.median(logs.sum(axis=1)), np.median(logs[:, 0] - logs[:, 1])
    width, height = np.exp([(area + shape) / 2, (area - shape) / 2]).round().astype(int)
    return int(width), int(height)


def network_size(picture: tuple[int, int], longest: int) -> tuple[int, int]:
    """Width and height of an input in the shape of a picture, multiples of 32.

    Its longer side is that of the picture, but no longer than `longest`.
    """
    longest = longest // STEP * STEP  # rounding to the next multiple must not go beyond it
    scale = min(1.0, longest / max(picture))
    width, height = (max(STEP, round(side * scale / STEP) * STEP) for side in picture)
    return width, height
