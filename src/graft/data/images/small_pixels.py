"""A picture as a few numbers, which a trivial predictor reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from graft.base.records import Sample
from graft.data.images.open import open_image

PIXELS = 16
"""A side of the small picture, in pixels."""


def small_pixels(sample: Sample) -> NDArray:
    """The pixels of the sample's image, made small, as numbers from 0 to 1."""
    image = open_image(sample.roles["image"], sample.id)
    image = image.resize((PIXELS, PIXELS), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32).ravel() / 255
