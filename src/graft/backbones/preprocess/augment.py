"""How pictures are changed at random while a network learns from them.

Each of `none`, `weak`, `usual` and `strong` says from a picture's size and `rng` alone what is seen
of it, a `View`: so the same (seed, row) gives the same view, and the picture need not be opened to
know where its boxes are. torchvision's transforms draw from torch's global state instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graft.backbones.preprocess.geometry import Geometry, center_box, random_box

Augment = Literal["none", "weak", "usual", "strong"]
WEAK_AREA = (0.75, 1.0)
"""The range of the share of a picture that `weak` keeps: objects at its edges stay in view."""
JITTER = 0.4
"""How far `strong` moves brightness, contrast and saturation: factors from 0.6 to 1.4."""
ERASED = 0.25
"""How often `strong` erases a rectangle (random erasing, arXiv:1708.04896)."""
ERASED_AREA = (0.02, 0.2)
"""The range of the share of the input that is erased."""
_LUMA = np.array((0.299, 0.587, 0.114), dtype=np.float32)
"""How bright red, green and blue look (ITU-R BT.601)."""

Recolor = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Frame:
    """What there is to choose a view from: a picture's size and how its network reads pictures."""

    picture: tuple[int, int]
    size: tuple[int, int]
    """Width and height of the input."""
    crop: float
    """The share of the short side that the plain view keeps."""
    area: tuple[float, float]
    """The range of the share of the area that a random crop keeps."""


@dataclass(frozen=True)
class View:
    """Which part of a picture is seen, and how its pixels (H, W, 3) are changed."""

    geometry: Geometry
    recolor: Recolor = lambda pixels: pixels


def none(frame: Frame, rng: np.random.Generator | None = None) -> View:
    """The middle of the picture, as in validation."""
    return View(Geometry(center_box(frame.picture, frame.crop), frame.size))


def weak(frame: Frame, rng: np.random.Generator) -> View:
    """Nearly all of the picture, mirrored half of the time."""
    box = random_box(frame.picture, WEAK_AREA, rng)
    return View(Geometry(box, frame.size, rng.random() < 0.5))


def usual(frame: Frame, rng: np.random.Generator) -> View:
    """A part of the picture (Inception's crop, arXiv:1409.4842), mirrored half of the time."""
    box = random_box(frame.picture, frame.area, rng)
    return View(Geometry(box, frame.size, rng.random() < 0.5))


def strong(frame: Frame, rng: np.random.Generator) -> View:
    """As `usual`, in other colors, and one in four with a rectangle erased."""
    geometry = usual(frame, rng).geometry
    brightness, contrast, saturation = rng.uniform(1 - JITTER, 1 + JITTER, 3)
    erased = None
    if rng.random() < ERASED:
        erased = [round(edge) for edge in random_box(frame.size, ERASED_AREA, rng)]

    def recolor(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        changed = pixels * np.float32(brightness)
        grey = changed @ _LUMA  # (H, W)
        changed = grey.mean() + (changed - grey.mean()) * np.float32(contrast)
        grey = (changed @ _LUMA)[..., None]
        changed = grey + (changed - grey) * np.float32(saturation)
        if erased:
            left, top, right, bottom = erased
            changed[top:bottom, left:right] = changed.mean(axis=(0, 1))
        return changed.round().clip(0, 255).astype(np.uint8)

    return View(geometry, recolor)


AUGMENTS: dict[str, Callable[[Frame, np.random.Generator], View]] = {
    "none": none, "weak": weak, "usual": usual, "strong": strong,
}  # fmt: skip
