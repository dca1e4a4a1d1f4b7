"""The part of a picture that a network sees, and the coordinates of boxes and masks in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels; edges of pixels are whole numbers."""


@dataclass(frozen=True)
class Geometry:
    """A crop, a resize and a flip: from a picture to the input of a network.

    The network sees `box`, in pixels of the picture, resized to `size` (width, height) and then
    flipped left to right if `mirrored`. Boxes and masks of the picture are moved along.
    """

    box: Box
    size: tuple[int, int]
    mirrored: bool = False

    def picture(self, image: Image.Image, resample: Image.Resampling) -> NDArray[np.uint8]:
        """Return what the network sees of a picture, (H, W, 3)."""
        resized = image.resize(self.size, resample, box=self.box, reducing_gap=3.0)
        return self._flip(np.array(resized))

    def mask(self, mask: Image.Image) -> NDArray:
        """Return what the network sees of a mask (H, W); nearest neighbor makes no new values."""
        return self._flip(np.array(mask.resize(self.size, Image.Resampling.NEAREST, self.box)))

    def boxes(self, boxes: NDArray) -> NDArray[np.float64]:
        """Move boxes (N, 4) from the picture to the input; parts outside the input are kept."""
        return self._flip_boxes((np.asarray(boxes, np.float64) - self._corner) * self._scale)

    def to_picture(self, boxes: NDArray) -> NDArray[np.float64]:
        """Move boxes (N, 4) from the input back to the picture."""
        return self._flip_boxes(np.asarray(boxes, np.float64)) / self._scale + self._corner

    @property
    def _corner(self) -> NDArray[np.float64]:
        return np.array(self.box[:2] * 2)

    @property
    def _scale(self) -> NDArray[np.float64]:
        left, top, right, bottom = self.box
        return np.array((self.size[0] / (right - left), self.size[1] / (bottom - top)) * 2)

    def _flip_boxes(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Flip boxes of the input if `mirrored`: the left edge becomes the right one."""
        if not self.mirrored:
            return boxes
        left, top, right, bottom = boxes.T
        return np.stack((self.size[0] - right, top, self.size[0] - left, bottom), axis=1)

    def _flip(self, pixels: NDArray) -> NDArray:
        """Flip pixels (H, W, ...) left to right if `mirrored`."""
        return pixels[:, ::-1].copy() if self.mirrored else pixels


def center_box(size: tuple[int, int], share: float) -> Box:
    """Return the centered square with a share of the short side of a picture of this size."""
    side = min(size) * share
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    return left, top, left + side, top + side


def random_box(size: tuple[int, int], area: tuple[float, float], rng: np.random.Generator) -> Box:
    """Draw a box anywhere in the picture: its share of the area from a range, nearly square."""
    width, height = size
    pixels = width * height * rng.uniform(*area)
    # The aspect ratios of Inception's crop, uniform in the logarithm.
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(np.sqrt(pixels * ratio), width), min(np.sqrt(pixels / ratio), height)
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return left, top, left + w, top + h
