"""The labels in the cells of a table: one, several with a separator between them, a printed list, or columns of 0 and 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from graft.data.tables.columns import as_list, as_number, is_missing, plain
from graft.data.tables.rows import Notes, Rows

SEPARATORS = ("|", ";", ",")
"""What may stand between labels, unless the user says what does."""
FEWEST = 2
"""The times that each part of a label has to come back where it is not a label by itself."""


def read_cell(value: Any, separator: str | None) -> str | tuple[str, ...] | None:
    """The label or labels in a cell; None for nothing. Several are a tuple, as is every label where there is a separator."""
    items = as_list(value)
    if items is None and separator:
        items = (
            []
            if is_missing(value)
            else [part for part in map(str.strip, str(value).split(separator)) if part]
        )
    if items is None:
        return None if is_missing(value) else str(plain(value))
    return tuple(dict.fromkeys(str(plain(item)) for item in items))


def found_separator(values: Sequence[Any], notes: Notes) -> str | None:
    """What stands between labels where cells hold several, told by their parts being labels of other cells; a note says so.

    Parts that are never labels by themselves must make few labels of many, as those of long lists of tags do.
    """
    cells = Counter(
        value
        for value in values
        if isinstance(value, str) and not is_missing(value) and as_list(value) is None
    )
    for separator in SEPARATORS:
        joined = [cell for cell in cells if len(_parts(cell, separator)) > 1]
        if not joined:
            continue
        counts = Counter(part for cell in cells.elements() for part in _parts(cell, separator))
        of_joined = {part for cell in joined for part in _parts(cell, separator)}
        are_labels = of_joined <= cells.keys() - set(joined)
        are_few = (
            separator != ","
            and len(counts) <= len(cells) / 2
            and min(counts[part] for part in of_joined) >= FEWEST
        )
        if are_labels or are_few:
            words = f"Labels as {joined[0]!r} are several labels with {separator!r} between them"
            notes[f"{words}; where each is one label: --label-separator ''."] = None
            return separator
    return None


def are_indicators(values: Sequence[Any]) -> bool:
    """Whether a column holds 0 and 1, or false and true, and nothing else."""
    cells = set(map(_indicator, values))
    return True in cells and None not in cells


def read_indicators(rows: Rows) -> list[tuple[str, ...]]:
    """The names of the columns of each row that hold 1; raises DataError naming rows with anything but 0 and 1."""
    names = [name for name in rows.columns["label"] if name in rows.table.columns]
    cells = list(zip(*(rows.table.columns[name] for name in names), strict=True)) or [()] * len(
        rows
    )
    wrong = (
        next(
            (
                f"{name!r} is {str(cell)!r}"
                for name, cell in zip(names, row, strict=True)
                if _indicator(cell) is None
            ),
            None,
        )
        for row in cells
    )
    rows.refuse(
        wrong,
        "have something else than 0 and 1 in a column of labels",
        "Each column says whether a row has that label.",
    )
    return [
        tuple(name for name, cell in zip(names, row, strict=True) if _indicator(cell))
        for row in cells
    ]


def _indicator(cell: Any) -> bool | None:
    """What a cell says by 1 or true, 0 or false; None where it says anything else."""
    number = as_number(cell)
    if number is None:
        return {"true": True, "false": False}.get(str(cell).strip().casefold())
    return bool(number) if number in (0, 1) else None


def _parts(cell: str, separator: str) -> list[str]:
    return [part for part in map(str.strip, cell.split(separator)) if part]
