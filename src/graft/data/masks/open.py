"""Masks: the class of each pixel of a picture, read only when they are asked for."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from graft.base.errors import DataError, listed
from graft.data.images.open import image_digest, image_size, read_bytes, refuse_broken
from graft.data.masks.coding import (
    IGNORED,
    MOST_NUMBER,
    UNKNOWN,
    Code,
    Coding,
    Color,
    hexadecimal,
    pack,
    unpack,
)
from graft.data.masks.outlines import Outlines, draw

Source = Path | bytes | NDArray | Outlines
"""Where the pixels of a mask come from: a file, its bytes, pixels, or outlines of objects."""


@dataclass(frozen=True, eq=False, slots=True)
class Mask:
    """Which class each pixel of a picture has; nothing is read before `open_mask`.

    All masks of a data set share one `coding`, so their classes are known without opening them.
    """

    source: Source
    coding: Coding

    def __eq__(self, other: object) -> bool:
        """Whether they hold the same and mean the same by it."""
        return (
            isinstance(other, Mask)
            and self.coding == other.coding
            and self.content == other.content
        )

    __hash__ = None

    @property
    def content(self) -> str | None:
        """Equal for equal sources; None for a file that cannot be read."""
        return repr(self.source) if isinstance(self.source, Outlines) else image_digest(self.source)

    @property
    def name(self) -> str:
        """The file, for messages; empty where there is none."""
        return str(self.source) if isinstance(self.source, Path) else ""


def open_mask(mask: Mask, classes: Sequence[str], name: str) -> NDArray[np.uint8]:
    """The class of each pixel (H, W) as its place among `classes`, `IGNORED` for none of them.

    Raises DataError, naming the file or else the sample `name`, if it cannot be read, holds codes
    without a meaning, or is a JPEG, whose colors are blurred.
    """
    where = mask.name or name
    codes = _codes(mask, where)
    indices = mask.coding.indices(codes, classes)
    if (unknown := indices == UNKNOWN).any():
        raise _unknown(codes[unknown], unknown.mean(), mask.coding, where)
    return indices.astype(np.uint8)


def mask_size(mask: Mask, name: str) -> tuple[int, int]:
    """Width and height in pixels; of files and bytes only the header is read. Raises DataError."""
    if isinstance(mask.source, Outlines):
        return mask.source.size
    return image_size(mask.source, mask.name or name)


def check_size(mask: Mask, size: tuple[int, int], picture: tuple[int, int], name: str) -> None:
    """Raise DataError if a mask of this size (width, height) does not cover the picture."""
    if size == picture:
        return
    turned = (
        " Width and height are swapped: if an EXIF tag turns one of the two, it must turn both."
        if size == picture[::-1]
        else ""
    )
    raise DataError(
        f"The mask of {name}{f' ({mask.name})' if mask.name else ''} has {size[0]} x {size[1]} "
        f"pixels, and its picture {picture[0]} x {picture[1]}. Each pixel of the picture needs one "
        f"of the mask: resize the mask by nearest neighbor, or pair them anew.{turned}"
    )


def count_classes(mask: Mask, classes: Sequence[str], name: str) -> Counter[str]:
    """How many pixels each class has, an ignored one under the name "". Raises DataError."""
    counts = np.bincount(open_mask(mask, classes, name).ravel(), minlength=IGNORED + 1)
    named = {each: int(counts[place]) for place, each in enumerate(classes) if counts[place]}
    return Counter({**named, **({"": int(counts[IGNORED])} if counts[IGNORED] else {})})


@dataclass(frozen=True)
class CodeCounts:
    """What a mask that no file explains holds."""

    pixels: Counter[Code]
    """How many pixels there are of each number or color."""
    is_blurred: bool = False
    """Whether JPEG has blurred them."""
    palette: Mapping[Code, Color] = field(default_factory=dict)
    """The color of each number, if the file has a palette."""


def count_codes(source: Path | bytes | NDArray, name: str) -> CodeCounts:
    """How many pixels of each number or color there are.

    Numbers of a file of indices, with or without a palette, and of one that is gray all over.
    Raises DataError if it cannot be read.
    """
    is_blurred, palette = False, None
    if isinstance(source, np.ndarray):
        codes = _checked_array(source, name)
    else:
        codes, is_blurred, palette = _read(source, name, as_color=False)
    if codes.ndim == 3 and (codes == codes[..., :1]).all():
        codes = codes[..., 0]
    values, counts = np.unique(pack(codes) if codes.ndim == 3 else codes, return_counts=True)
    keys = [unpack(value) if codes.ndim == 3 else int(value) for value in values]
    colors = {} if palette is None else {key: palette[key] for key in keys if key < len(palette)}
    return CodeCounts(Counter(dict(zip(keys, counts.tolist(), strict=True))), is_blurred, colors)


def _codes(mask: Mask, where: str) -> NDArray:
    """Numbers (H, W) or colors (H, W, 3), as the coding has them."""
    coding = mask.coding
    if isinstance(mask.source, Outlines):
        return draw(mask.source, coding.classes)
    if isinstance(mask.source, np.ndarray):
        codes, is_blurred = _checked_array(mask.source, where), False
    else:
        codes, is_blurred, _ = _read(mask.source, where, coding.is_color, coding.white)
    if is_blurred and not coding.takes_any_byte:
        raise DataError(
            f"The mask {where} is a JPEG, which blurs {'colors' if coding.is_color else 'numbers'} "
            "at the edges, so that they no longer name a class. Save masks as PNG."
        )
    if coding.is_color:
        return codes if codes.ndim == 3 else np.repeat(codes[..., None], 3, axis=2)
    if codes.ndim == 3:
        if (codes != codes[..., :1]).any():
            raise DataError(
                f"The mask {where} is in color, and other masks of the data hold numbers "
                f"({coding.describe()}). Save all masks in one form."
            )
        codes = codes[..., 0]
    return codes


def _read(
    source: Path | bytes, where: str, as_color: bool, white: int = 255
) -> tuple[NDArray, bool, list[Color] | None]:
    """The upright pixels of a file as numbers or colors, whether it is a JPEG, and its palette.

    Of a palette the indices are taken unless colors are asked for; `white` is the number of white
    pixels in a file of one bit. Transparency is lost.
    """
    name = f"the mask {where}"
    with refuse_broken(name), Image.open(io.BytesIO(read_bytes(source, name))) as image:
        is_blurred = image.format in ("JPEG", "MPO")
        image.load()
        image = ImageOps.exif_transpose(image)
        palette = _palette(image)
        if image.mode == "P" and as_color:
            image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L").point(lambda value: min(value, white))
        elif image.mode in ("LA", "La"):
            image = image.convert("L")
        elif image.mode not in ("P", "L", "RGB", "F") and not image.mode.startswith("I"):
            image = image.convert("RGB")
        pixels = np.asarray(image)
    return _checked_array(pixels, where), is_blurred, palette


def _palette(image: Image.Image) -> list[Color] | None:
    """The colors of the palette of a picture, None if it has none."""
    if image.mode != "P":
        return None
    numbers = image.getpalette("RGB")
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _checked_array(array: NDArray, where: str) -> NDArray:
    """Whole numbers (H, W) from 0 to 65535, or colors (H, W, 3)."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype.kind == "f" and _is_whole(array):
        array = array.astype(np.int32)
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_picture or not array.size or array.dtype.kind not in "bui":
        raise DataError(
            f"The mask of {where} is an array of shape {array.shape} and type {array.dtype}. "
            "Allowed: whole numbers (H, W), or colors (H, W, 3)."
        )
    array = array.astype(np.uint8) if array.dtype == bool else array
    array, most = (array[..., :3], 255) if array.ndim == 3 else (array, MOST_NUMBER)
    if array.min() < 0 or array.max() > most:
        raise DataError(
            f"The mask of {where} has values from {array.min():,} to {array.max():,}. Allowed: 0 "
            f"to {most:,}."
        )
    return array


def _is_whole(array: NDArray) -> bool:
    """Whether decimal numbers are whole ones that a mask may hold: some programs write them so."""
    return bool(((np.rint(array) == array) & (np.abs(array) <= MOST_NUMBER)).all())


def _unknown(codes: NDArray, share: float, coding: Coding, where: str) -> DataError:
    """The error for codes (N,) or (N, 3) of a mask that have no meaning."""
    counts = Counter(pack(codes).tolist() if coding.is_color else codes.tolist())
    frequent = [code for code, _ in counts.most_common()]
    shown = listed(hexadecimal(unpack(code)) if coding.is_color else str(code) for code in frequent)
    what = "colors" if coding.is_color else "numbers"
    return DataError(
        f"The mask {where} has {what} of no class: {shown}, in {share:.2%} of its pixels. Known by "
        f"{coding.origin}: {coding.describe()}. Correct the mask, or name all {what} in a "
        "classes.json beside the data."
    )
