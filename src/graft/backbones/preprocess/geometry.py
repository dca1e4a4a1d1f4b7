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
    flipped left to right if `mirrored`. What of the box lies outside the picture is padded. Boxes
    and masks of the picture are moved along.
    """

    box: Box
    size: tuple[int, int]
    mirrored: bool = False

    def picture(
        self,
        image: Image.Image,
        resample: Image.Resampling,
        padding: tuple[int, int, int] = (0, 0, 0),
    ) -> NDArray[np.uint8]:
        """Return what the network sees of a picture, (H, W, 3); `padding` is a color."""
        return self._flip(self._view(image, resample, 3.0, padding))

    def mask(self, mask: Image.Image, padding: int = 0) -> NDArray:
        """Return what the network sees of a mask (H, W): its values, or `padding`, but no others.

        Nearest neighbor makes no new values.
        """
        return self._flip(self._view(mask, Image.Resampling.NEAREST, None, padding))

    def _view(
        self,
        image: Image.Image,
        resample: Image.Resampling,
        gap: float | None,
        padding: int | tuple[int, int, int],
    ) -> NDArray:
        """Resize the box of an image, and pad what lies outside the image."""
        left, top, right, bottom = self.box
        width, height = image.size
        inside = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
        if inside == self.box:
            return np.array(image.resize(self.size, resample, box=self.box, reducing_gap=gap))
        x1, y1, x2, y2 = ((np.array(inside) - self._corner) * self._scale).round().astype(int)
        sides = int(max(x2 - x1, 1)), int(max(y2 - y1, 1))
        part = np.array(image.resize(sides, resample, box=inside, reducing_gap=gap))
        canvas = np.empty((self.size[1], self.size[0], *part.shape[2:]), part.dtype)
        canvas[:] = padding
        # A strip that rounds to no pixel still gets one: it may lie at the far edge.
        x, y = min(x1, self.size[0] - 1), min(y1, self.size[1] - 1)
        canvas[y : y + sides[1], x : x + sides[0]] = part
        return canvas

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


def letterbox(picture: tuple[int, int], size: tuple[int, int]) -> Geometry:
    """Scale the whole picture to fit the input, and center it.

    The picture covers whole pixels of the input: width and height may be scaled by factors that
    differ by the rounding to a pixel.
    """
    scale = min(size[0] / picture[0], size[1] / picture[1])
    spans = [_span(*sides, scale) for sides in zip(picture, size, strict=True)]
    (left, right), (top, bottom) = spans
    return Geometry((left, top, right, bottom), size)


def _span(picture: int, size: int, scale: float) -> tuple[float, float]:
    """Return where the input starts and ends along one side, in pixels of the picture."""
    pixels = min(max(round(picture * scale), 1), size)
    before = (size - pixels) // 2
    # Without padding the span is exactly the picture: nothing must be padded by a rounding error.
    first = 0.0 if before == 0 else -before * picture / pixels
    last = picture if before + pixels == size else (size - before) * picture / pixels
    return first, float(last)


def zoomed(
    picture: tuple[int, int],
    size: tuple[int, int],
    zoom: tuple[float, float],
    rng: np.random.Generator,
    part: tuple[int, int] | None = None,
) -> Box:
    """Draw a box in the shape of the input: the box of the letterbox times a factor from `zoom`.

    Along a side on which it is shorter than the picture, it lies anywhere inside the picture; on
    which it is longer, anywhere around the picture. The box of a `part` (width, height) of the
    input is smaller by as much: objects appear as large as in the whole input.
    """
    left, top, right, bottom = letterbox(picture, size).box
    factor = rng.uniform(*zoom)
    wide, high = (side / whole for side, whole in zip(part or size, size, strict=True))
    w, h = (right - left) * factor * wide, (bottom - top) * factor * high
    x, y = (rng.uniform(*sorted((0.0, gap))) for gap in (picture[0] - w, picture[1] - h))
    return x, y, x + w, y + h


def center_box(picture: tuple[int, int], aspect: float, share: float) -> Box:
    """Return the centered box with a share of the sides of the largest one that fits.

    `aspect` is the width of the box divided by its height.
    """
    width = min(picture[0], picture[1] * aspect) * share
    height = min(picture[1], picture[0] / aspect) * share
    left, top = (picture[0] - width) / 2, (picture[1] - height) / 2
    return left, top, left + width, top + height


def random_box(
    picture: tuple[int, int],
    aspect: float,
    area: tuple[float, float],
    rng: np.random.Generator,
) -> Box:
    """Draw a box anywhere in the picture: its share of the area from a range, about in a shape.

    `aspect` is the width of that shape divided by its height.
    """
    width, height = picture
    pixels = width * height * rng.uniform(*area)
    # The aspect ratios of Inception's crop, uniform in the logarithm.
    ratio = aspect * np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(np.sqrt(pixels * ratio), width), min(np.sqrt(pixels / ratio), height)
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    return left, top, left + w, top + h
