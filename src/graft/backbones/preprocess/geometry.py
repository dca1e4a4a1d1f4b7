"""Which part of a picture a network sees, and where boxes and masks of the picture are then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels; edges of pixels are whole numbers."""


@dataclass(frozen=True)
class Geometry:
    """The `box` of a picture that a network sees, in pixels of the file, and what becomes of it.

    It is resized to `size` (width, height) and then, where `mirrored`, turned left to right.
    Whatever is known of the picture follows: boxes from the file to the input and back, and masks.
    """

    box: Box
    size: tuple[int, int]
    mirrored: bool = False

    def picture(self, image: Image.Image, resample: Image.Resampling) -> NDArray[np.uint8]:
        """What the network sees of a picture, (H, W, 3)."""
        resized = image.resize(self.size, resample, box=self.box, reducing_gap=3.0)
        return self._turned(np.array(resized))

    def mask(self, mask: Image.Image) -> NDArray:
        """What the network sees of a mask (H, W), by nearest neighbor: no new values."""
        return self._turned(np.array(mask.resize(self.size, Image.Resampling.NEAREST, self.box)))

    def boxes(self, boxes: NDArray) -> NDArray[np.float64]:
        """Boxes (N, 4) of the file where the network sees them; parts outside of it are kept."""
        return self._mirror((np.asarray(boxes, np.float64) - self._corner) * self._scale)

    def back(self, boxes: NDArray) -> NDArray[np.float64]:
        """Boxes (N, 4) that the network sees where they are in the file."""
        return self._mirror(np.asarray(boxes, np.float64)) / self._scale + self._corner

    @property
    def _corner(self) -> NDArray[np.float64]:
        return np.array(self.box[:2] * 2)

    @property
    def _scale(self) -> NDArray[np.float64]:
        left, top, right, bottom = self.box
        return np.array((self.size[0] / (right - left), self.size[1] / (bottom - top)) * 2)

    def _mirror(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Boxes of the input turned left to right: the left edge becomes the right one."""
        if not self.mirrored:
            return boxes
        left, top, right, bottom = boxes.T
        return np.stack((self.size[0] - right, top, self.size[0] - left, bottom), axis=1)

    def _turned(self, pixels: NDArray) -> NDArray:
        return pixels[:, ::-1].copy() if self.mirrored else pixels


def center_box(size: tuple[int, int], share: float) -> Box:
    """The square in the middle of a picture of this size, with a share of its short side."""
    side = min(size) * share
    left, top = (size[0] - side) / 2, (size[1] - side) / 2
    return left, top, left + side, top + side


def random_box(size: tuple[int, int], area: tuple[float, float], rng: np.random.Generator) -> Box:
    """A box with a share of the picture's area from this range, nearly square, anywhere in it."""
    width, height = size
    pixels = width * height * rng.uniform(*area)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(np.sqrt(pixels * ratio), width), min(np.sqrt(pixels / ratio), height)
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return left, top, left + w, top + h
