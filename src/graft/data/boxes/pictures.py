"""The pictures that annotations name, below their folder or in one beside it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from graft.base.errors import DataError, listed
from graft.data.formats.folders.class_folders import MASKS, is_place
from graft.data.formats.format import split_in
from graft.data.images.open import SUFFIXES, UNREADABLE
from graft.data.listing import is_file, subfolders, walk

MOST_FILES = 200_000
"""Files that are looked through: annotations may lie in somebody's home."""
_LEVELS = 2
"""How many folders above the annotations may hold the folder of the pictures."""


class PictureFiles:
    """The pictures below a path; if there are none, those in folders beside it."""

    def __init__(self, path: Path):
        self.top = path if path.is_dir() else path.parent

    def find(self, name: str, near: Path, split: str | None = None) -> Path | None:
        """The picture of this name, which may lack folders and ending; None if it is not there.

        `near` is the folder of the annotations: of several pictures the one in it is meant, else
        the one in a folder of the split. Raises DataError if that leaves several.
        """
        parts = [part for part in normalize_path(name).split("/") if part not in ("", ".", "..")]
        beside = near.joinpath(*parts)
        if parts and beside.suffix.lower() in SUFFIXES and is_file(beside):
            return beside
        tails = ["/".join(parts[start:]) for start in range(len(parts))]
        files = next((files for tail in tails if (files := self._by_tail.get(tail))), [])
        files = _narrow(files, near, split)
        if len(files) > 1:
            raise DataError(
                f"Several pictures may be {name!r} of {near}: {listed(map(str, files), 3)}. "
                "Give the path of the folder with those that are meant, or rename them."
            )
        return files[0] if files else None

    def name(self, file: Path) -> str:
        """The file as samples and messages call it."""
        is_below = file.is_relative_to(self.top)
        return file.relative_to(self.top).as_posix() if is_below else file.name

    @cached_property
    def files(self) -> list[Path]:
        """All of them."""
        for roots in ([self.top], _find_beside(self.top)):
            files = [file for root in roots for file in islice(walk(root), MOST_FILES)]
            pictures = [file for file in files if file.suffix.lower() in SUFFIXES | UNREADABLE]
            if pictures:
                return pictures
        return []

    @cached_property
    def _by_tail(self) -> dict[str, list[Path]]:
        """Each end of a path, with its suffix and without -> the files that it may be."""
        by_tail: dict[str, list[Path]] = defaultdict(list)
        for file in self.files:
            parts = normalize_path(file.as_posix()).split("/")[-4:]
            for start in range(len(parts)):
                tail = "/".join(parts[start:])
                for key in {tail, tail.removesuffix(file.suffix)}:
                    by_tail[key].append(file)
        return by_tail


def normalize_path(name: str) -> str:
    """A path with slashes, and accents in one of Unicode's two forms."""
    return unicodedata.normalize("NFC", name).replace("\\", "/")


def find_folder_split(file: Path, top: Path) -> str | None:
    """The split that the folders between `top` and a file name, the nearest first, if any does."""
    parts = file.parent.relative_to(top).parts if file.is_relative_to(top) else file.parts[-3:-1]
    return next((split for part in reversed(parts) if (split := split_in(part))), None)


def check_there(missing: Sequence[str], total: int, where: Path) -> None:
    """Raise DataError if pictures that annotations name are missing."""
    if missing:
        names = [name or "one without a name" for name in missing]
        raise DataError(
            f"Pictures that {where} names are not there: {len(missing):,} of {total:,}, "
            f"{listed(names, 5)}. Put them into a folder named images beside it, or remove "
            "their annotations."
        )


def _narrow(files: Sequence[Path], near: Path, split: str | None) -> list[Path]:
    """Of several files those that are meant: near the annotations, else of their split.

    Masks of the picture, as VOC has them, are not meant.
    """
    if len(files) < 2:
        return list(files)
    beside = [file for file in files if file.parent == near]
    files = [file for file in files if file.parent.name.lower() not in MASKS] or list(files)
    choices: Iterable[list[Path]] = (
        beside,
        files,
        [file for file in files if file.is_relative_to(near)],
        [file for file in files if split and _nearest_split(file) == split],
        [file for file in files if file.is_relative_to(near.parent)],
    )
    return next((choice for choice in choices if len(choice) == 1), files)


def _nearest_split(file: Path) -> str | None:
    """The split that one of the two folders around a file names, if any does."""
    return find_folder_split(file, file.parents[:3][-1])


def _find_beside(folder: Path) -> list[Path]:
    """Folders of pictures beside this one or one level up: `images`, `train2017`."""
    levels = list(folder.resolve().parents)[:_LEVELS]
    return [
        place
        for level in levels
        for place in subfolders(level)
        if place != folder.resolve() and (is_place(place.name) or split_in(place.name))
    ]
