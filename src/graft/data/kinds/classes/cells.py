"""The labels in the cells of a table: one, several with a separator between them, a printed list, or columns of 0 and 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from graft.data.tables.columns import as_list, is_missing, plain
from graft.data.tables.rows import Notes, Rows

SEPARATORS = ("|", ";", ",")
"""What may stand between labels, unless the user says what does."""
TRUE, FALSE = ("1", "True", "true", "TRUE"), ("0", "False", "false", "FALSE")
"""How columns of labels say that a row has theirs."""
_WHOLE = re.compile(r"(-?\d+)(?:\.0*)?")
FEWEST = 2
"""The times that each part of a label has to come back where it is not a label by itself."""


def read_cell(value: Any, separator: str | None) -> str | tuple[str, ...] | None:
    """The label or labels in a cell; None for nothing. Several are a tuple, as is every label where there is a separator."""
    items = as_list(value)
    if items is None and separator:
        items = [] if is_missing(value) else [part for part in map(str.strip, str(value).split(separator)) if part]
    if items is None:
        return None if is_missing(value) else str(plain(value))
    return tuple(dict.fromkeys(str(plain(item)) for item in items))


def found_separator(values: Sequence[Any], notes: Notes) -> str | None:
    """What stands between labels where cells hold several, told by their parts being labels of other cells; a note says so.

    Parts that are never labels by themselves must make few labels of many, as those of long lists of tags do.
    """
    cells = Counter(value for value in values if isinstance(value, str) and not is_missing(value) and as_list(value) is None)
    for separator in SEPARATORS:
        joined = [cell for cell in cells if len(_parts(cell, separator)) > 1]
        if not joined:
            continue
        counts = Counter(part for cell in cells.elements() for part in _parts(cell, separator))
        of_joined = {part for cell in joined for part in _parts(cell, separator)}
        are_labels = of_joined <= cells.keys() - set(joined)
        are_few = separator != "," and len(counts) <= len(cells) / 2 and min(counts[part] for part in of_joined) >= FEWEST
        if are_labels or are_few:
            words = f"Labels as {joined[0]!r} are several labels with {separator!r} between them"
            notes[f"{words}; where each is one label: --label-separator ''."] = None
            return separator
    return None


def one_spelling(labels: set[str]) -> dict[str, str]:
    """Label -> the one it equals, where all labels are numbers, or true and false, and some are written in two ways."""
    if labels and all(label.casefold() in ("true", "false") for label in labels):
        plain_names = {label: label.capitalize() for label in labels}
    else:
        plain_names = {label: match[1] for label in labels if (match := _WHOLE.fullmatch(label))}
    is_torn = len(plain_names) == len(labels) > len(set(plain_names.values()))
    return {label: name for label, name in sorted(plain_names.items()) if label != name} if is_torn else {}


def are_indicators(values: Sequence[Any]) -> bool:
    """Whether a column holds 0 and 1, or false and true, and nothing else."""
    cells = {str(plain(value)) for value in values}
    return bool(cells & set(TRUE)) and cells <= {*TRUE, *FALSE}


def read_indicators(rows: Rows) -> list[tuple[str, ...]]:
    """The names of the columns of each row that hold 1; raises DataError naming rows with anything but 0 and 1."""
    names = [name for name in rows.columns["label"] if name in rows.table.columns]
    columns = [[str(plain(value)) for value in rows.table.columns[name]] for name in names]
    cells = list(zip(*columns, strict=True)) or [()] * len(rows)
    wrong = (
        next((f"{name!r} is {value!r}" for name, value in zip(names, row, strict=True) if value not in (*TRUE, *FALSE)), None)
        for row in cells
    )
    rows.refuse(wrong, "have something else than 0 and 1 in a column of labels", "Each column says whether a row has that label.")
    return [tuple(name for name, value in zip(names, row_cells, strict=True) if value in TRUE) for row_cells in cells]


def _parts(cell: str, separator: str) -> list[str]:
    return [part for part in map(str.strip, cell.split(separator)) if part]
