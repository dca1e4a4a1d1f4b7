"""What the pixels of masks mean: which number, or which color, is which class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graft.base.errors import DataError, listed

Color = tuple[int, int, int]
Code = int | Color
"""What a pixel of a mask holds: a number, or red, green and blue from 0 to 255."""

IGNORED = 255
"""The class index of pixels that count for nothing, in targets and in files of other programs."""
MOST_CLASSES = 255
"""So many classes have an index in one byte beside `IGNORED`."""
MOST_NUMBER = 65_535
"""The largest number that a pixel of a mask may hold: that of a file of 16 bits."""
UNKNOWN = 65_535
"""Stands for "no class known" in tables of class indices."""
IGNORED_NAMES = frozenset((
    "void", "ignore", "ignored", "ignore_label", "unlabeled", "unlabelled", "dont_care",
))  # fmt: skip
"""Names by which files of classes mean pixels that count for nothing."""


@dataclass(frozen=True)
class Coding:
    """What the pixels of all the masks of a data set mean: by number or by color, not both."""

    numbers: tuple[tuple[int, int, str | None], ...] = ()
    """The first and the last number of a range, and its class; None for pixels to ignore."""
    colors: tuple[tuple[Color, str | None], ...] = ()
    """A color and its class; None for pixels to ignore."""
    origin: str = ""
    """What says so, for messages: the name of a file of classes, or the masks themselves."""

    @property
    def is_color(self) -> bool:
        """Whether colors are classes; else the numbers of pixels are."""
        return bool(self.colors)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the coding."""
        named = [*(name for _, _, name in self.numbers), *(name for _, name in self.colors)]
        return list(dict.fromkeys(name for name in named if name is not None))

    @property
    def takes_any_byte(self) -> bool:
        """Whether each number from 0 to 255 has a class: pixels that JPEG has blurred do too."""
        known = {
            number for low, high, _ in self.numbers for number in range(low, min(high, 255) + 1)
        }
        return known.issuperset(range(256))

    @property
    def white(self) -> int:
        """What white is in a mask of one bit: 1 if a class has that number and none has 255."""
        ranges = [(low, high) for low, high, name in self.numbers if name is not None]
        has_1, has_255 = (any(low <= n <= high for low, high in ranges) for n in (1, 255))
        return 1 if has_1 and not has_255 else 255

    def indices(self, codes: NDArray, classes: Iterable[str]) -> NDArray[np.uint16]:
        """Class indices (H, W) of numbers (H, W) or of colors (H, W, 3).

        The index is the place among `classes`, `IGNORED` for what counts for nothing and for
        classes that are not among them, `UNKNOWN` for codes without a meaning.
        """
        places = {name: place for place, name in enumerate(classes)}
        if not self.is_color:
            table = np.full(MOST_NUMBER + 1, UNKNOWN, np.uint16)
            for low, high, name in self.numbers:
                table[low : high + 1] = places.get(name, IGNORED)
            return table[codes]
        known = sorted((pack(color), places.get(name, IGNORED)) for color, name in self.colors)
        keys = np.array([key for key, _ in known], np.int32)
        values = np.array([value for _, value in known], np.uint16)
        packed = pack(codes)
        nearest = np.searchsorted(keys, packed).clip(max=len(keys) - 1)
        return np.where(keys[nearest] == packed, values[nearest], np.uint16(UNKNOWN))

    def code_of(self, name: str) -> Code:
        """The first code of a class, with which a mask of it can be written."""
        numbers = (low for low, _, of in self.numbers if of == name)
        return next((color for color, of in self.colors if of == name), None) or next(numbers)

    def describe(self) -> str:
        """The classes with their codes, for messages: `0 = sky, 1 = building`."""
        numbers = (
            f"{low if low == high else f'{low} to {high}'} = {name or 'ignored'}"
            for low, high, name in self.numbers
        )
        colors = (f"{hexadecimal(color)} = {name or 'ignored'}" for color, name in self.colors)
        return listed([*numbers, *colors], 12)


def number_coding(names: Mapping[int, str | None], origin: str) -> Coding:
    """The coding of these numbers; 255 is ignored unless it is one of them."""
    ranges = [(number, number, name) for number, name in sorted(names.items())]
    if 255 not in names:
        ranges.append((255, 255, None))
    return Coding(numbers=tuple(ranges), origin=origin)


def pack(colors: Color | NDArray) -> NDArray[np.int32]:
    """Colors (..., 3) as one number each."""
    red, green, blue = np.moveaxis(np.asarray(colors, np.int32), -1, 0)
    return (red << 16) | (green << 8) | blue


def unpack(packed: int) -> Color:
    """The color of one number."""
    return int(packed) >> 16, (int(packed) >> 8) & 255, int(packed) & 255


def hexadecimal(color: Color) -> str:
    """`#rrggbb`."""
    red, green, blue = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def check_codings(codings: Iterable[Coding]) -> None:
    """Raise DataError if masks have more classes than one byte can number."""
    names = {name for coding in codings for name in coding.classes}
    if len(names) > MOST_CLASSES:
        raise DataError(
            f"The masks have {len(names):,} classes: {listed(sorted(names))}. At most "
            f"{MOST_CLASSES} can be learned. If each object of a mask has a number of its own, "
            'name them in a classes.json: {"background": 0, "object": "1-65535"}.'
        )
