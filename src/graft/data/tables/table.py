"""A table in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from graft.base.errors import DataError, listed
from graft.data.images import open as images
from graft.data.sounds import open as sounds
from graft.data.tables.file_names import FileNames


@dataclass(frozen=True)
class Table:
    """A table in memory: its columns by name, and the line of each row, for messages."""

    name: str
    columns: dict[str, list[Any]]
    rows: Sequence[int]
    """The line in a text file; else the row's number, from 1 in files and from 0 in Python."""
    header: bool = True
    class_names: dict[str, list[str]] = field(default_factory=dict)
    """Column -> the names of its classes, where the file itself says what its numbers mean."""
    has_classes: bool = False
    """Whether labels are classes even if they look like numbers: words in arrays and lists."""
    called: dict[str, str] = field(default_factory=dict)
    """Column -> what the user calls it, where that is another name."""
    notes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """The columns that came out of one column of translations, in its order."""
    folder: Path | None = None
    """The folder of the table, its images and a classes.json; None for tables made in Python."""

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def images(self) -> FileNames | None:
        """The pictures below the folder, by their names."""
        suffixes = images.SUFFIXES | images.UNREADABLE
        return FileNames(self.folder, suffixes) if self.folder else None

    @cached_property
    def sounds(self) -> FileNames | None:
        """The sounds below the folder, by their names."""
        suffixes = sounds.SUFFIXES | sounds.UNREADABLE
        return FileNames(self.folder, suffixes) if self.folder else None

    def row_id(self, row: int) -> str:
        """`train.csv:17`."""
        return f"{self.name}:{self.rows[row]}"


def unnest(table: Table) -> Table:
    """Replace a column `translation` of dicts by a column for each language."""
    texts = table.columns.get("translation", ())
    first = next((text for text in texts if text is not None), None)
    if (
        not isinstance(first, dict)
        or len(first) < 2
        or any(language in table.columns for language in first)
    ):
        return table
    if not all(isinstance(text, dict | None) for text in texts):
        return table
    columns = {language: [(text or {}).get(language) for text in texts] for language in first}
    rest = {name: values for name, values in table.columns.items() if name != "translation"}
    return replace(table, columns={**columns, **rest}, languages=tuple(first))


def row_width(
    name: str, rows: Sequence[Sequence[str]], lines: Sequence[int], advice: str, width: int = 0
) -> int:
    """The number of fields of each row, which is that of most rows unless `width` says it.

    Raises DataError naming the lines that have another one.
    """
    width = width or Counter(map(len, rows)).most_common(1)[0][0]
    ragged = [
        f"{name}:{line} ({len(row)})"
        for line, row in zip(lines, rows, strict=True)
        if len(row) != width
    ]
    if ragged:
        raise DataError(
            f"{name} has {width} columns, but {len(ragged):,} of its lines have another number: "
            f"{listed(ragged)}. {advice}"
        )
    return width
