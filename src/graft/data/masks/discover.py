"""The coding of masks that no file explains: each number or color that occurs is a class."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from graft.base.counts import plural
from graft.base.env import cores
from graft.base.errors import DataError, listed
from graft.data.masks.class_files import ClassFile
from graft.data.masks.coding import (
    MOST_CLASSES,
    MOST_NUMBER,
    Code,
    Coding,
    Color,
    hexadecimal,
    number_coding,
)
from graft.data.masks.open import CodeCounts, count_codes

MOST_READ = 1_000
"""Masks that are read to find out which numbers or colors occur; of more, evenly spread ones."""
FEW = 10
"""Masks that are read to see whether a file of classes is about their numbers or colors."""
SOFT_EDGES = 64
"""So many different gray levels are soft edges between black and white, not classes."""
EXTREMES = 10
"""How far from 0 and 255 black and white may be in a picture with soft edges."""
MOSTLY = 0.9
"""The share of the pixels that is black or white in such a mask."""
MOST_NAMED = 12
"""Classes that a proposed file of classes lists."""
Readings = Sequence[CodeCounts]


def find_coding(
    masks: Sequence[tuple[str, Any]], classes: ClassFile | None, are_instances: bool
) -> tuple[Coding, list[str]]:
    """The coding that all these masks (name, source) share, and notes for the user.

    A file of classes says it; else numbers and colors that occur are the classes, but for masks of
    `are_instances` and for black and white ones, which have two. Raises DataError.
    """
    if classes is not None:
        first = [code for name, mask in masks[:FEW] for code in count_codes(mask, name).pixels]
        return classes.coding(is_color=any(isinstance(code, tuple) for code in first)), []
    if are_instances:
        ranges = ((0, 0, "background"), (1, MOST_NUMBER, "object"))
        note = (
            "The masks number each object, as their folder says: 0 is read as 'background', all "
            "other numbers as 'object'."
        )
        return _with_advice(note, Coding(numbers=ranges, origin="the folder of instances"))
    step = max(1, -(-len(masks) // MOST_READ))
    some = masks[::step]
    with ThreadPoolExecutor(max_workers=cores()) as pool:
        readings = list(pool.map(lambda mask: count_codes(mask[1], mask[0]), some))
    origin = f"{plural(len(some), 'mask')}" + ("" if step == 1 else f" of {len(masks):,}")
    codes: Counter[Code] = Counter()
    for reading in readings:
        codes.update(reading.pixels)
    if any(isinstance(code, tuple) for code in codes):
        return _colors(codes, readings, some, origin)
    _check_palettes(some, readings)
    return _numbers(codes, readings, some, origin)


def _check_palettes(some: Sequence[tuple[str, Any]], readings: Readings) -> None:
    """Raise DataError if a number has two colors: then each mask may number its classes anew."""
    first: dict[Code, tuple[Color, str]] = {}
    for (name, _), reading in zip(some, readings, strict=True):
        for number, color in reading.palette.items():
            known, other = first.setdefault(number, (color, name))
            if known != color:
                raise DataError(
                    f"The palettes of the masks differ: {number} is {hexadecimal(known)} in "
                    f"{other} and {hexadecimal(color)} in {name}. Say in a classes.json beside the "
                    'data what counts: colors, {"road": "#804080"}, or numbers, {"road": 1}.'
                )


def _colors(
    codes: Counter[Code],
    readings: Readings,
    some: Sequence[tuple[str, Any]],
    origin: str,
) -> tuple[Coding, list[str]]:
    """Each color is a class named as `#rrggbb`; gray masks among them have colors too."""
    blurred = [
        name for (name, _), reading in zip(some, readings, strict=True) if reading.is_blurred
    ]
    colors = {code if isinstance(code, tuple) else (code, code, code) for code in codes}
    if blurred or len(colors) > MOST_CLASSES:
        advice = "They are JPEGs, which blur colors. " if blurred else ""
        raise DataError(
            f"The masks have {len(colors):,} colors, in {listed(blurred or [n for n, _ in some])}. "
            f"{advice}A mask has one exact color for each class: save it as PNG, without smooth "
            "edges."
        )
    named = tuple((color, hexadecimal(color)) for color in sorted(colors))
    note = (
        f"The masks have {plural(len(named), 'color')} ({origin}), each read as a class named "
        f"by its color: {listed(name for _, name in named)}."
    )
    return _with_advice(note, Coding(colors=named, origin=origin))


def _numbers(
    codes: Counter[Code],
    readings: Readings,
    some: Sequence[tuple[str, Any]],
    origin: str,
) -> tuple[Coding, list[str]]:
    """Each number is a class; of black and white masks there are two."""
    if set(codes) <= {0, 255} and len(some) > 0:
        ranges = ((0, 0, "background"), (255, 255, "foreground"))
        note = f"The masks are black and white ({origin}): read as background and foreground."
        return _with_advice(note, Coding(numbers=ranges, origin=origin))
    is_blurred = any(reading.is_blurred for reading in readings)
    if is_blurred or len(codes) > SOFT_EDGES:
        extreme = sum(n for code, n in codes.items() if not EXTREMES < code < 255 - EXTREMES)
        if max(codes) <= 255 and max(codes) >= 255 - EXTREMES and extreme >= MOSTLY * codes.total():
            ranges = ((0, 127, "background"), (128, 255, "foreground"))
            note = (
                f"The masks are black and white with soft edges ({origin}): numbers from 128 are "
                "read as foreground, smaller ones as background."
            )
            return _with_advice(note, Coding(numbers=ranges, origin=origin))
    if is_blurred:
        name = next(n for (n, _), each in zip(some, readings, strict=True) if each.is_blurred)
        raise DataError(
            f"The mask {name} is a JPEG, which blurs numbers at the edges, so that they no longer "
            "name a class. Save masks as PNG."
        )
    coding = number_coding({n: None if n == 255 else str(n) for n in codes}, origin)
    named = listed(coding.classes, 12)
    note = f"Each number in the masks is read as a class ({origin}): {named}."
    ignored = " 255 is ignored." if 255 in codes else ""
    if len(coding.classes) > SOFT_EDGES:
        ignored += " If each object has a number of its own, name the folder instances."
    return _with_advice(f"{note}{ignored}", coding)


def _with_advice(note: str, coding: Coding) -> tuple[Coding, list[str]]:
    """The coding, and a note that ends with a file of classes to copy and to fill in."""
    entries = {
        **{
            name: low if low == high else f"{low}-{high}"
            for low, high, name in coding.numbers
            if name is not None
        },
        **{name: hexadecimal(color) for color, name in coding.colors if name is not None},
    }
    file = json.dumps(
        {
            f"name {place}" if name == str(code) else name: code
            for place, (name, code) in enumerate(list(entries.items())[:MOST_NAMED], start=1)
        }
    )
    if len(entries) > MOST_NAMED:
        file = f"{file[:-1]}, ...}}"
    return coding, [f"{note} To choose the names, put a classes.json beside the data: {file}."]
