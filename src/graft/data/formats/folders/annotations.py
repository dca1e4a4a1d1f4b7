"""Folders of what no task learns from yet: pictures with outlines in a file each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from graft.data.formats.folders.class_folders import is_place
from graft.data.formats.format import endings
from graft.data.images.open import SUFFIXES, has_image_suffix
from graft.data.listing import walk
from graft.data.sounds.open import SUFFIXES as SOUNDS
from graft.data.tables.encodings import read_beginning

_FORMS = {
    ".json": ("outlines in JSON", re.compile(r'\s*\{.*"shapes"\s*:\s*\[', re.DOTALL)),
}
"""Suffix -> what files hold that are named as pictures are, and how such a file begins."""
_ANY = frozenset((".json", ".txt", ".xml", ".yaml", ".yml"))
"""Files that may be tables, or say something else of the files beside them."""
LEAST = 0.5
"""The share of the pictures that need an annotation file for the folder to count as annotated."""


def describe_unsupported(path: Path) -> str | None:
    """Say what the folder holds if that is pictures with outlines.

    None if a table in the folder says what its files are, and for class folders of pictures,
    whatever lies beside the pictures.
    """
    tables = endings() - SUFFIXES - SOUNDS - _ANY
    files, pictures, classes = [], [], set[str]()
    for file in walk(path):
        files.append(file)
        if has_image_suffix(file):
            pictures.append(file)
            folders = file.relative_to(path).parts[:-1]
            classes |= {folder for folder in folders if not is_place(folder)}
        is_table = file.parent == path and file.suffix.lower() in tables
        if is_table or len(classes) > 1:  # before a large data set is walked through
            return None
    if not pictures:
        return None
    stems = {file.stem for file in pictures}
    known = _same_names(files, stems)
    return f"{len(pictures):,} pictures with {' and '.join(known)}" if known else None


def _same_names(files: Sequence[Path], stems: set[str]) -> list[str]:
    """Describe the annotations in files that are named like pictures."""
    forms = []
    for suffix, (words, begins) in _FORMS.items():
        named = {f.stem: f for f in files if f.suffix.lower() == suffix and f.stem in stems}
        beginnings = (read_beginning(file) for file in named.values())
        first = next((start for start in beginnings if start.strip()), "")
        if len(named) >= LEAST * len(stems) and begins.match(first):
            forms.append(f"{words} ({len(named):,} files)")
    return forms
