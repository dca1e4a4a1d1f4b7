"""Labels in the cells of a table: one, several, a printed list, or columns of 0 and 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from graft.data.tables.cells import as_list, as_number, is_missing, plain
from graft.data.tables.rows import Notes, Rows

SEPARATORS = ("|", ";", ",")
"""The possible separators of labels, unless the user sets one."""
FEWEST = 2
"""The occurrences that each part of a cell needs if it is never a label by itself."""


def read_cell(value: Any, separator: str | None) -> str | tuple[str, ...] | None:
    """The label in a cell, a tuple if it is a list or there is a separator; None for nothing."""
    items = as_list(value)
    if items is None and separator:
        items = [] if is_missing(value) else split_cell(str(value), separator)
    if items is None:
        return None if is_missing(value) else str(plain(value))
    return tuple(dict.fromkeys(str(plain(item)) for item in items))


def find_separator(values: Sequence[Any], notes: Notes) -> str | None:
    """Detect the separator of labels in a cell, if there is one, and note it.

    It is a separator if its parts are labels of other cells too; or, if they are never labels by
    themselves, as in long lists of tags, if there are few of them and each comes back.
    """
    words = (value for value in values if isinstance(value, str) and not is_missing(value))
    cells = Counter(value for value in words if as_list(value) is None)
    for separator in SEPARATORS:
        several = {cell for cell in cells if len(split_cell(cell, separator)) > 1}
        if not several:
            continue
        counts = Counter(part for cell in cells.elements() for part in split_cell(cell, separator))
        parts = {part for cell in several for part in split_cell(cell, separator)}
        are_labels = parts <= cells.keys() - several
        are_few = len(counts) <= len(cells) / 2 and min(counts[part] for part in parts) >= FEWEST
        # Commas stand inside of names: "Washington, D.C." is one label.
        if are_labels or (are_few and separator != ","):
            first = next(cell for cell in cells if cell in several)
            notes[
                f"Labels as {first!r} are several labels with {separator!r} between them; if each "
                "is one label: --label-separator ''."
            ] = None
            return separator
    return None


def are_indicators(values: Sequence[Any]) -> bool:
    """Whether a column holds 0 and 1, or false and true, and nothing else."""
    cells = set(map(_indicator, values))
    return True in cells and None not in cells


def read_indicators(rows: Rows) -> list[tuple[str, ...]]:
    """The names of the columns of each row that hold 1.

    Raises DataError naming rows with anything but 0 and 1.
    """
    names = [name for name in rows.columns["label"] if name in rows.table.columns]
    columns = (map(_indicator, rows.table.columns[name]) for name in names)
    cells = list(zip(*columns, strict=True)) or [()] * len(rows)

    def wrong(row: int) -> str | None:
        name = next((n for n, cell in zip(names, cells[row], strict=True) if cell is None), None)
        return name and f"{name!r} is {str(rows.table.columns[name][row])!r}"

    rows.refuse(
        map(wrong, range(len(rows))),
        "have something else than 0 and 1 in a column of labels",
        "Each column says whether a row has that label.",
    )
    return [tuple(n for n, cell in zip(names, row, strict=True) if cell) for row in cells]


def split_cell(cell: str, separator: str) -> list[str]:
    """The labels of a cell, without blanks around them."""
    return [part for part in map(str.strip, cell.split(separator)) if part]


def _indicator(cell: Any) -> bool | None:
    """Read 1 or true, 0 or false; None for anything else."""
    number = as_number(cell)
    if number is None:
        return {"true": True, "false": False}.get(str(cell).strip().casefold())
    return bool(number) if number in (0, 1) else None
