"""Files that say what the numbers or colors of masks mean, in the forms of several tools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed
from graft.data.masks.coding import (
    IGNORED_NAMES,
    MOST_NUMBER,
    Code,
    Coding,
    Color,
    hexadecimal,
)
from graft.data.tables.encodings import parse_json, read_text

NAMES = (
    "classes.json", "class_map.json", "colours.json", "colors.json", "class_dict.csv",
    "label_colors.txt", "labelmap.txt", "codes.txt", "classes.txt",
)  # fmt: skip
"""What such files are called, the likeliest first."""
BORDER = (224, 224, 192)
"""The color of 255 in the palette of Pascal VOC: the borders of objects, which count for nothing.
"""
_ENTRY_NAME = ("name", "label", "class", "class_name", "title")
_ENTRY_NUMBER = ("id", "value", "index", "number", "train_id", "trainid", "label")
_ENTRY_COLOR = ("color", "colour", "rgb")
_ALLOWED = (
    'Allowed for a class: a number, a range "1-255", a color [255, 0, 0] or "#ff0000", or a list '
    "of these."
)
_RGB = re.compile(r"(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})")
Meaning = tuple[int, int] | Color
"""A range of numbers, or a color."""


@dataclass(frozen=True)
class ClassFile:
    """The classes that a file names, by numbers, by colors, or by both."""

    file: Path
    meanings: tuple[tuple[str | None, Meaning], ...]
    """Class, None for pixels to ignore, and what it is in a mask."""

    def coding(self, is_color: bool) -> Coding:
        """The coding of masks that are in color or not; raises DataError if the file has no such.

        255, and the color that Pascal VOC's palette has there, are ignored unless the file gives
        them to a class.
        """
        colors = {code: name for name, code in self.meanings if len(code) == 3}
        numbers = [(*code, name) for name, code in self.meanings if len(code) == 2]
        if colors and (is_color or not numbers):
            if not is_color:  # the colors are those of a palette
                colors.setdefault(BORDER, None)
            return Coding(colors=tuple(colors.items()), origin=self.name)
        if is_color:
            raise DataError(
                f"The masks are in color, and {self.file} gives numbers. Give each class its "
                'color: {"road": [128, 64, 128]}.'
            )
        if not any(low <= 255 <= high for low, high, _ in numbers):
            numbers.append((255, 255, None))
        return Coding(numbers=tuple(sorted(numbers, key=lambda each: each[:2])), origin=self.name)

    @property
    def name(self) -> str:
        """What a user is told that it is called: of a folder its last two parts."""
        return self.file.name if self.file.suffix else "/".join(self.file.parts[-2:])

    @property
    def note(self) -> str:
        """What a user is told of it."""
        names = list(dict.fromkeys(name for name, _ in self.meanings if name is not None))
        ignored = any(name is None for name, _ in self.meanings)
        return (
            f"{self.name} names the classes of the masks: {listed(names, 12)}"
            f"{'; some pixels are ignored' if ignored else ''}."
        )


def find_class_file(folders: Iterable[Path]) -> ClassFile | None:
    """The first file of classes in these folders, or None; raises DataError if it is broken."""
    files = (folder / name for folder in folders for name in NAMES)
    file = next((file for file in files if file.is_file()), None)
    return None if file is None else read_class_file(file)


def read_class_file(file: Path) -> ClassFile:
    """What the file says. Raises DataError."""
    text, _ = read_text(file)
    if file.suffix.lower() == ".json":
        try:
            entries = list(_json_entries(parse_json(text), file))
        except ValueError as error:
            raise DataError(f"{file} is not valid JSON: {error}. Fix or remove it.") from error
    else:
        entries = list(_line_entries(text))
    meanings = [
        (_class_name(name), code) for name, value in entries for code in _codes(value, name, file)
    ]
    if not meanings:
        raise DataError(f"{file} names no classes. {_ALLOWED}")
    _check_unique(meanings, file)
    return ClassFile(file, tuple(meanings))


def _json_entries(value: Any, file: Path) -> Iterator[tuple[Any, Any]]:
    """Names and codes of a dict by name or number, of a list of names, or of objects."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), list):
        inner = next(iter(value.values()))
        value = inner if all(isinstance(each, dict) for each in inner) else value
    if isinstance(value, dict):
        is_by_number = all(isinstance(name, str | None) for name in value.values()) and all(
            key.strip().isdecimal() or key.startswith("#") for key in value
        )
        for key, each in value.items():
            yield (each, key) if is_by_number else (key, each)
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield from ((name, number) for number, name in enumerate(value))
    elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
        for number, each in enumerate(value):
            yield _entry(each, number, file)
    else:
        raise DataError(
            f'{file} is neither a list of class names nor a dict {{"sky": 0}}. {_ALLOWED}'
        )


def _entry(entry: dict[str, Any], number: int, file: Path) -> tuple[Any, list[Any]]:
    """The name of a class and its codes from an object such as {"name": ..., "color": ...}."""
    low = {str(key).lower(): value for key, value in entry.items()}
    names = [low[key] for key in _ENTRY_NAME if isinstance(low.get(key), str)]
    if not names:
        raise DataError(f"{file}: entry {number} has no name: {entry!r}.")
    numbers = [low[key] for key in _ENTRY_NUMBER if isinstance(low.get(key), int)]
    colors = [low[key] for key in _ENTRY_COLOR if low.get(key) is not None]
    return names[0], [*(numbers[:1] or ([] if colors else [number])), *colors[:1]]


def _line_entries(text: str) -> Iterator[tuple[str, Any]]:
    """Of lines: `name,r,g,b` as class_dict.csv, `name:r,g,b:...` as CVAT, `r g b name`, `name`."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    number = 0
    for line in lines:
        color = _RGB.search(line)
        if color:
            rest = line[: color.start()] or line[color.end() :]
            yield rest.strip(" \t,;:\"'"), [int(part) for part in color.groups()]
        elif not re.fullmatch(r"(name|class|label)\w*([,;\t].*)?", line, re.IGNORECASE):
            yield line.rstrip(":,;"), number
            number += 1


def _codes(value: Any, name: Any, file: Path) -> list[Meaning]:
    """The codes that one entry gives a class; raises DataError for anything else."""
    if isinstance(value, list):
        is_color = len(value) == 3 and all(isinstance(part, int) for part in value)
        if is_color and all(0 <= part <= 255 for part in value):
            return [tuple(value)]
        if not is_color and value:
            return [code for each in value for code in _codes(each, name, file)]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER:
        return [(value, value)]
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
            return [(int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))]
        ends = re.fullmatch(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?", text)
        if ends:
            low, high = int(ends[1]), int(ends[2] or ends[1])
            if low <= high <= MOST_NUMBER:
                return [(low, high)]
    raise DataError(f"{file}: the class {name!r} is given by {value!r}. {_ALLOWED}")


def _class_name(name: Any) -> str | None:
    """The name of a class, None if it means pixels that count for nothing."""
    if name is None or str(name).strip().lower().replace(" ", "_") in IGNORED_NAMES:
        return None
    return str(name).strip()


def _check_unique(meanings: Iterable[tuple[str | None, Meaning]], file: Path) -> None:
    """Raise DataError if one number or color is given to two classes."""
    owners: dict[Code, str | None] = {}
    for name, code in meanings:
        codes = [code] if len(code) == 3 else range(code[0], code[1] + 1)
        for each in codes:
            if owners.setdefault(each, name) != name:
                shown = hexadecimal(each) if isinstance(each, tuple) else each
                raise DataError(
                    f"{file} gives {shown} to two classes: {owners[each]!r} and {name!r}. Correct "
                    "the file."
                )
