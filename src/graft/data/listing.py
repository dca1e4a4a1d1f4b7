"""List the content of a folder without files and folders of the system."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from graft.base.counts import plural
from graft.base.errors import listed

_SYSTEM = frozenset(
    ("thumbs.db", "desktop.ini", "icon\r", "__macosx", "__pycache__", "@eadir", "$recycle.bin")
)
_ABOUT = frozenset((".md", ".rst", ".json", ".toml", ".yaml", ".yml", ".cff", ".bib"))
_ABOUT_STEMS = (
    "readme", "license", "licence", "classes", "labels", "attribution", "notice", "citation",
)  # fmt: skip
"""The names of files that describe a data set."""


def is_hidden(name: str) -> bool:
    """Whether a name belongs to the system or a tool: `.DS_Store`, `Thumbs.db`, `.git`."""
    return name.startswith(".") or name.lower() in _SYSTEM


def is_about(path: Path) -> bool:
    """Whether the file describes the data: a readme, a license, a list of classes."""
    return (
        is_hidden(path.name)
        or path.suffix.lower() in _ABOUT
        or path.stem.lower().startswith(_ABOUT_STEMS)
    )


def note_left_out(files: Sequence[str], why: str) -> list[str]:
    """Note the files that were not read, or the folders, whose names end in a slash."""
    if not files:
        return []
    noun = "folder" if files[0].endswith("/") else "file"
    return [f"{plural(len(files), noun)} left out, {why}: {listed(files)}."]


def subfolders(path: Path) -> list[Path]:
    """The folders in a folder, but for those of the system."""
    return [p for p in sorted(path.iterdir()) if p.is_dir() and not is_hidden(p.name)]


def samples_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """List the files in a folder with these suffixes, without those that describe the data."""
    files = (p for p in sorted(folder.iterdir()) if p.suffix.lower() in suffixes)
    return [file for file in files if file.is_file() and not is_about(file)]


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; a name that is too long for one is of none."""
    try:
        return path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file; a name that is too long for one is of none."""
    return is_there(path) and path.is_file()


def glance(root: Path, depth: int = 3, most: int = 2000) -> Iterator[Path]:
    """Files below `root` that are not hidden: of each folder some, without reading all of a large
    one, and no folder more than `depth` levels down."""
    folders = [(root, 0)]
    while folders:
        folder, level = folders.pop(0)
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in islice(entries, most):
                if is_hidden(entry.name):
                    continue
                if entry.is_dir() and level + 1 < depth:
                    folders.append((Path(entry.path), level + 1))
                elif entry.is_file():
                    yield Path(entry.path)


def walk(root: Path) -> Iterator[Path]:
    """All files below `root` that are not hidden, through linked folders too, each folder once."""
    seen: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not is_hidden(name))
        for name in sorted(files):
            if not is_hidden(name):
                yield Path(folder, name)
