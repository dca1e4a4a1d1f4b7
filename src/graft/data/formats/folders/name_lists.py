"""Lists of names that say which files are of which split: `ImageSets/Main/train.txt`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from graft.base.errors import DataError
from graft.data.formats.format import split_of
from graft.data.listing import glance
from graft.data.tables.encodings import read_text

_WHOLE = "trainval"
"""VOC's list of `train` and `val` together."""


def find_lists(top: Path) -> list[Path]:
    """The texts below a folder that are named by a split, or by VOC's `trainval`."""
    files = (file for file in glance(top, 4) if file.suffix.lower() == ".txt")
    return sorted(f for f in files if split_of(f.stem) or f.stem.lower() == _WHOLE)


def read_lists(files: Iterable[Path], known: Collection[str], what: str) -> dict[str, list[str]]:
    """Split -> the names in its lists, as they are among the `known`.

    `what` is what has these names, in messages. Raises DataError for a name that nothing has, or
    that is in two splits.
    """
    named = {file: split_of(file.stem) for file in files}
    if {"train", "val"} & set(named.values()):
        named = {file: split for file, split in named.items() if split}
    places: dict[str, tuple[str, Path]] = {}
    for file, split in named.items():
        for line in filter(None, map(str.strip, read_text(file)[0].split("\n"))):
            name = _stem(line, known)
            if name is None:
                raise DataError(
                    f"{file} names {line!r}, and there is no {what} of that name. Add it, or "
                    "remove the line."
                )
            one, other = places.setdefault(name, (split or "train", file))
            if one != (split or "train"):
                raise DataError(
                    f"{name!r} is in two lists, {other} and {file}. Remove it from one of them."
                )
    lists: dict[str, list[str]] = {}
    for name, (split, _) in places.items():
        lists.setdefault(split, []).append(name)
    return lists


def _stem(line: str, known: Collection[str]) -> str | None:
    """The known name that a line of a list means: `a`, `a 1` or `images/a.jpg`."""
    name = line.replace("\\", "/").rsplit("/", 1)[-1]
    choices = (name, name.split()[0], Path(name).stem)
    return next((choice for choice in choices if choice in known), None)
