"""The files that a table names: with endings or without, with either slash, in any folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from graft.data.listing import walk

MOST_FILES = 200_000
"""Files of a folder that are looked through: a table may lie in somebody's home."""


class FileNames:
    """The files with some suffixes below the folder of a table, by their names."""

    def __init__(self, folder: Path, suffixes: Collection[str]):
        self.folder, self.suffixes = folder, suffixes

    def find(self, name: Any) -> Path | None:
        """The one file whose path ends as this name does, in as many folders as can be."""
        parts = _parts(str(name))
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        return next((file for tail in tails if (file := self._by_tail.get(tail))), None)

    @cached_property
    def _by_tail(self) -> dict[str, Path | None]:
        """Each end of a path, with its suffix and without -> the file; None if several have it."""
        by_tail: dict[str, Path | None] = {}
        for file in islice(walk(self.folder), MOST_FILES):
            if file.suffix.lower() in self.suffixes:
                parts = _parts(file.relative_to(self.folder).as_posix())
                for start in range(len(parts)):
                    tail = "/".join(parts[start:])
                    for key in (tail, tail[: -len(file.suffix)]):
                        by_tail[key] = file if by_tail.get(key, file) == file else None
        return by_tail


def _parts(name: str) -> list[str]:
    """The folders and the file of a path, with accents in one of Unicode's two forms."""
    whole = unicodedata.normalize("NFC", name).replace("\\", "/")
    return [part for part in whole.split("/") if part not in ("", ".")]
