"""Draw on pictures: boxes with class and score, and masks with a legend.

A picture is drawn on at its own resolution; a small one is enlarged by a whole factor first, so
that labels can be read. For a page it is made smaller before anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from graft.base.colors import BLACK, WHITE, Color, class_color, named_color, text_color

SMALL = 320
"""Pixels of the longer side below which a picture is enlarged."""
TINT = 0.6
"""How much of a class's color lies on its pixels."""
MOST_NAMES = 24
"""The number of classes in a legend; those with the most pixels."""
IGNORED_COLOR = (128, 128, 128)
_SPACE = 6
"""Pixels around the parts of a legend and between pictures."""

Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class DrawnBox:
    """A box to draw, in pixels of the file: its class by name and number, and its score if any."""

    box: Corners
    label: str
    number: int
    score: float | None = None

    @property
    def text(self) -> str:
        """What stands at the box."""
        return self.label if self.score is None else f"{self.label} {self.score:.2f}"


def draw_boxes(
    image: Image.Image, boxes: Sequence[DrawnBox], side: int | None = None
) -> Image.Image:
    """The picture with boxes in the colors of their classes, the highest scores on top.

    `side` is the longest side of the result in pixels; None is that of the file.
    """
    canvas = scale_to_draw(image, side)
    scale = canvas.width / image.width
    draw, width = ImageDraw.Draw(canvas), max(3, round(max(canvas.size) / 300))
    ranked = sorted(boxes, key=lambda drawn: drawn.score or 0.0)
    places = [_inside([scale * edge for edge in drawn.box], canvas.size) for drawn in ranked]
    for drawn, corners in zip(ranked, places, strict=True):
        color = class_color(drawn.number)
        # A thin rim of the other shade keeps a box visible on a picture of its own color.
        draw.rectangle(_grown(corners, 1), outline=text_color(color))
        draw.rectangle(corners, outline=color, width=width)
    chips = _place_labels(ranked, places, canvas.size)
    for drawn, chip in zip(ranked, chips, strict=True):
        color = class_color(drawn.number)
        draw.rectangle(chip, fill=color)
        at, font = (chip[0] + 2, chip[1]), _font(canvas.size)
        draw.text(at, drawn.text, fill=text_color(color), font=font)
    return canvas


def draw_mask(
    image: Image.Image,
    mask: NDArray,
    classes: Sequence[str],
    *,
    plain: Collection[int] = (),
    side: int | None = None,
) -> Image.Image:
    """The picture with the color of a class on its pixels, its border, and a legend below.

    `mask` (H, W) has class numbers; any other number is ignored, and gray. The classes in `plain`,
    as a background, get no color.
    """
    canvas = scale_to_draw(image, side)
    resized = Image.fromarray(mask).resize(canvas.size, Image.Resampling.NEAREST)
    numbers = np.minimum(np.asarray(resized).astype(int), len(classes))
    named = [named_color(name, number) for number, name in enumerate(classes)]
    colors = np.array([*named, IGNORED_COLOR], float)
    shares = np.full(len(colors), TINT)
    shares[list(plain)] = 0.0
    share = shares[numbers][..., None]
    tinted = np.asarray(canvas, float) * (1 - share) + colors[numbers] * share
    tinted[_find_edges(numbers, max(1, round(max(canvas.size) / 700)))] = WHITE
    names = [
        (_name(number, classes), tuple(colors[number].astype(int)))
        for number in _most_frequent(numbers, len(colors))
        if number not in plain
    ]
    return _add_legend(Image.fromarray(tinted.round().astype(np.uint8)), names)


def join_pictures(pictures: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures side by side, each under its title."""
    width = sum(image.width for _, image in pictures) + _SPACE * (len(pictures) - 1)
    height = max(image.height for _, image in pictures)
    font = _font((width, height))  # a page shows the whole as wide as it would show one of them
    top = _height(font) + _SPACE
    joined = Image.new("RGB", (width, top + height), WHITE)
    draw, left = ImageDraw.Draw(joined), 0
    for title, image in pictures:
        draw.text((left + _SPACE, 0), title, fill=BLACK, font=font)
        joined.paste(image, (left, top))
        left += image.width + _SPACE
    return joined


def scale_to_draw(image: Image.Image, side: int | None = None) -> Image.Image:
    """A copy of the picture to draw on, with `side` pixels at most on its longer side."""
    longer = max(image.size)
    if side is not None and longer > side:
        size = [max(1, round(edge * side / longer)) for edge in image.size]
        return image.convert("RGB").resize(tuple(size), Image.Resampling.LANCZOS)
    factor = math.ceil(SMALL / longer)
    if side is not None:
        factor = max(1, min(factor, side // longer))
    size = (image.width * factor, image.height * factor)
    return image.convert("RGB").resize(size, Image.Resampling.NEAREST)


def _place_labels(
    boxes: Sequence[DrawnBox], places: Sequence[Corners], size: tuple[int, int]
) -> list[Corners]:
    """Where the label of each box stands: at one of its corners, where it covers no other.

    The last boxes choose first. Where all places are taken, a label stands above its box.
    """
    font, taken = _font(size), []
    for drawn, corners in zip(reversed(boxes), reversed(places), strict=True):
        wide, high = font.getlength(drawn.text) + 4, _height(font)
        left, top, right, bottom = corners
        starts = [
            (left, top - high),
            (left, top),
            (left, bottom),
            (left, bottom - high),
            (right - wide, top - high),
            (right - wide, bottom),
        ]
        chips = [_moved_inside((x, y, x + wide, y + high), size) for x, y in starts]
        free = (chip for chip in chips if not any(_overlap(chip, other) for other in taken))
        taken.append(next(free, chips[0]))
    return taken[::-1]


def _add_legend(image: Image.Image, names: Sequence[tuple[str, Color]]) -> Image.Image:
    """The picture above a strip with the name of each color."""
    if not names:
        return image
    font = _font(image.size)
    high = _height(font)
    places, left, top = [], _SPACE, _SPACE
    for name, _ in names:
        wide = round(high + font.getlength(name) + 2 * _SPACE)
        if left > _SPACE and left + wide > image.width:
            left, top = _SPACE, top + high + _SPACE
        places.append((left, top))
        left += wide + _SPACE
    strip = top + high + _SPACE
    whole = Image.new("RGB", (image.width, image.height + strip), WHITE)
    whole.paste(image)
    draw = ImageDraw.Draw(whole)
    for (name, color), (x, y) in zip(names, places, strict=True):
        y += image.height
        draw.rectangle((x, y + 2, x + high - 4, y + high - 2), fill=color)
        draw.text((x + high + 2, y), name, fill=BLACK, font=font)
    return whole


def _most_frequent(numbers: NDArray, count: int) -> list[int]:
    """The numbers that occur, those with the most pixels first."""
    pixels = np.bincount(numbers.ravel(), minlength=count)
    order = np.argsort(-pixels, kind="stable")
    return [int(number) for number in order if pixels[number]][:MOST_NAMES]


def _name(number: int, classes: Sequence[str]) -> str:
    return classes[number] if number < len(classes) else "ignored"


def _find_edges(numbers: NDArray, width: int) -> NDArray[np.bool_]:
    """The pixels (H, W) that are up to `width` left of or above another number."""
    edges = np.zeros(numbers.shape, bool)
    for step in range(1, width + 1):
        edges[:, :-step] |= numbers[:, :-step] != numbers[:, step:]
        edges[:-step] |= numbers[:-step] != numbers[step:]
    return edges


def _inside(corners: Sequence[float], size: tuple[int, int]) -> Corners:
    """The outermost pixels of a box, as far as they lie in the picture."""
    left, right = np.clip([corners[0], corners[2] - 1], 0, size[0] - 1)
    top, bottom = np.clip([corners[1], corners[3] - 1], 0, size[1] - 1)
    return float(left), float(top), float(max(left, right)), float(max(top, bottom))


def _grown(corners: Corners, by: int) -> Corners:
    left, top, right, bottom = corners
    return left - by, top - by, right + by, bottom + by


def _moved_inside(corners: Corners, size: tuple[int, int]) -> Corners:
    """The box moved into the picture; what is larger than the picture starts at its edge."""
    left, top, right, bottom = corners
    x = max(0.0, min(left, size[0] - (right - left)))
    y = max(0.0, min(top, size[1] - (bottom - top)))
    return x, y, x + right - left, y + bottom - top


def _overlap(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _height(font: ImageFont.FreeTypeFont) -> int:
    """The height of a line of text."""
    return round(1.3 * font.size)


def _font(size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    """A font that can be read on a picture of this size."""
    return _font_of(max(12, round(max(size) / 55)))


@cache
def _font_of(height: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # takes a second; it carries a font of many scripts

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return ImageFont.truetype(str(path), height)
