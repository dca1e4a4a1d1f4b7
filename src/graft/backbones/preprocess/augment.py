"""Augmentation: random changes of pictures in training.

Each of `none`, `weak`, `usual` and `strong` draws a `View` from the size of a picture and `rng`
alone. The same (seed, row) therefore gives the same view, and the boxes of a picture can be moved
without opening it. The transforms of torchvision draw from torch's global state instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graft.backbones.preprocess.geometry import (
    Box,
    Geometry,
    center_box,
    letterbox,
    random_box,
    zoomed,
)

Augment = Literal["none", "weak", "usual", "strong"]
WEAK_AREA = (0.75, 1.0)
"""The range of the area that `weak` keeps: large, so that objects at the edges stay in view."""
WEAK_ZOOM, USUAL_ZOOM = (0.85, 1.0), (0.6, 1.25)
"""The same for pictures that are seen whole: factors of the sides of the letterbox. Objects appear
up to 1.67 times as large, and at least 0.8 times."""
JITTER = 0.4
"""By how much `strong` changes brightness, contrast and saturation: factors of 0.6 to 1.4."""
ERASED = 0.25
"""The probability that `strong` erases a rectangle (random erasing, arXiv:1708.04896)."""
ERASED_AREA = (0.02, 0.2)
"""The range of the area of the input that is erased."""
_LUMA = np.array((0.299, 0.587, 0.114), dtype=np.float32)
"""The perceived brightness of red, green and blue (ITU-R BT.601)."""

Recolor = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Frame:
    """What a view is drawn from: the size of a picture, and how its network reads pictures."""

    picture: tuple[int, int]
    size: tuple[int, int]
    """Width and height of the input."""
    crop: float
    """The share of the short side that the center crop keeps."""
    area: tuple[float, float]
    """The range of the area that a random crop keeps."""
    whole: bool = False
    """Whether the plain view is the whole picture, padded; `crop` and `area` are not used then."""
    stretch: bool = False
    """Whether what is seen has the shape of the picture instead of the input's."""

    @property
    def aspect(self) -> float:
        """The width of what is seen, divided by its height."""
        width, height = self.picture if self.stretch else self.size
        return width / height


@dataclass(frozen=True)
class View:
    """The part of a picture that is seen, and the change of its pixels (H, W, 3)."""

    geometry: Geometry
    recolor: Recolor = lambda pixels: pixels


def none(frame: Frame, rng: np.random.Generator | None = None) -> View:
    """Keep the center of the picture, or all of it, as validation does."""
    if frame.whole:
        return View(letterbox(frame.picture, frame.size))
    return View(Geometry(center_box(frame.picture, frame.aspect, frame.crop), frame.size))


def weak(frame: Frame, rng: np.random.Generator) -> View:
    """Keep most of the picture, flipped half of the time."""
    box = _draw_box(frame, WEAK_AREA, WEAK_ZOOM, rng)
    return View(Geometry(box, frame.size, rng.random() < 0.5))


def usual(frame: Frame, rng: np.random.Generator) -> View:
    """Keep a part of the picture (Inception's crop, arXiv:1409.4842), flipped half of the time."""
    box = _draw_box(frame, frame.area, USUAL_ZOOM, rng)
    return View(Geometry(box, frame.size, rng.random() < 0.5))


def strong(frame: Frame, rng: np.random.Generator) -> View:
    """Crop as `usual`, change the colors, and erase a rectangle of one picture in four.

    Nothing is erased from pictures that are seen whole: it may hide the object that is asked for.
    """
    geometry = usual(frame, rng).geometry
    brightness, contrast, saturation = rng.uniform(1 - JITTER, 1 + JITTER, 3)
    erased = None
    if not frame.whole and rng.random() < ERASED:
        erased = [round(edge) for edge in random_box(frame.size, 1.0, ERASED_AREA, rng)]

    def recolor(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = pixels * np.float32(brightness)
        gray = changed @ _LUMA  # (H, W)
        changed = gray.mean() + (changed - gray.mean()) * np.float32(contrast)
        gray = (changed @ _LUMA)[..., None]
        changed = gray + (changed - gray) * np.float32(saturation)
        if erased:
            left, top, right, bottom = erased
            changed[top:bottom, left:right] = changed.mean(axis=(0, 1))
        return changed.round().clip(0, 255).astype(np.uint8)

    return View(geometry, recolor)


def _draw_box(
    frame: Frame, area: tuple[float, float], zoom: tuple[float, float], rng: np.random.Generator
) -> Box:
    if frame.whole:
        return zoomed(frame.picture, frame.size, zoom, rng)
    return random_box(frame.picture, frame.aspect, area, rng)


AUGMENTS: dict[str, Callable[[Frame, np.random.Generator], View]] = {
    "none": none, "weak": weak, "usual": usual, "strong": strong,
}  # fmt: skip
