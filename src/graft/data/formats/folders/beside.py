"""How sure it is that a folder holds pictures with an annotation file for each of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

from graft.data.formats.folders.class_folders import is_place
from graft.data.formats.format import endings, split_in
from graft.data.images.open import SUFFIXES, has_image_suffix
from graft.data.listing import glance

_ANY = frozenset((".json", ".txt", ".xml", ".yaml", ".yml"))
"""Files that may be tables, or say something of the files beside them."""
LEAST = 0.5
"""The share of the pictures that need such a file, so that these say what the folder holds."""
_LOOKED_INTO = 50


def sure_of_files(path: Path, suffix: str, is_one: Callable[[Path], bool]) -> float:
    """1 if there are enough files with this suffix and one of the first is such an annotation.

    Less where a table at the top or class folders of pictures say what the pictures are.
    """
    files = list(glance(path))
    pictures = [file for file in files if has_image_suffix(file)]
    beside = [file for file in files if file.suffix.lower() == suffix]
    if len(beside) < max(1, LEAST * len(pictures)):
        return 0.0
    if not any(map(is_one, islice(beside, _LOOKED_INTO))):
        return 0.0
    tables = endings() - SUFFIXES - _ANY
    if any(file.parent == path and file.suffix.lower() in tables for file in files):
        return 0.5
    folders = {file.parent.name for file in pictures}
    classes = [folder for folder in folders if not (is_place(folder) or split_in(folder))]
    return 0.4 if len(classes) > 1 else 1.0
