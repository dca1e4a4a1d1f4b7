"""Data that are in Python already: frames, and arrays or lists of values and labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, splits_of
from graft.data.tables.arrays import array_table
from graft.data.tables.objects import object_table
from graft.data.tables.rows import to_data
from graft.data.tables.table import Table

_FORMS = (
    "a path, Data, a pandas DataFrame, a list of dicts, "
    "(values, labels), or a dict of these by split"
)


def from_memory(source: Any, options: ReadOptions | None = None) -> Data:
    """`Data` from `Data`, a DataFrame, a list of dicts, (values, labels), or a dict of these.

    The keys of such a dict are splits. Other dicts are rows of a table: {"tokens": [...],
    "tags": [...]}, {"question": ..., "context": ..., "answers": [...]}. Lists of tokens with lists
    of tags are a pair too. With `options.labels` False also from bare values: a list of texts or
    paths, or an array of images. Raises DataError.
    """
    options = options or ReadOptions()
    if isinstance(source, Data):
        return source
    parts = source if isinstance(source, dict) else {"": source}
    meaning = splits_of(parts) if isinstance(source, dict) else {"": "all"}
    if unknown := [name for name in parts if name not in meaning]:
        raise DataError(
            f"{', '.join(map(repr, unknown))} name no split. "
            "Known: train, val, test, unlabeled and their like."
        )
    forms = {_form(part, options) for part in parts.values()}
    if len(forms) != 1:
        raise DataError(
            f"The splits are of the forms: {', '.join(sorted(forms)) or 'none'}. "
            f"Give one for all: {_FORMS}."
        )
    (form,) = forms
    tables = {meaning[name]: [_READERS[form](part, name)] for name, part in parts.items()}
    return replace(to_data(tables, options), format=form)


def _form(source: Any, options: ReadOptions) -> str:
    """frame, rows or arrays. Raises DataError for anything else."""
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        return "frame"
    if isinstance(source, list) and source and all(isinstance(row, dict) for row in source):
        return "rows"
    if isinstance(source, tuple) and len(source) == 2:
        return "arrays"
    if not options.labels and hasattr(source, "__len__") and not isinstance(source, str):
        return "arrays"
    raise DataError(f"Data cannot be made of a {type(source).__name__}. Give {_FORMS}.")


def _read_frame(frame: Any, name: str) -> Table:
    if not len(frame):
        raise DataError(
            f"The {name or 'frame'} holds no rows. "
            f"Its columns: {', '.join(map(str, frame.columns))}."
        )
    _check_names(frame.columns, name or "frame")
    columns = {
        str(c): frame[c].astype(object).where(frame[c].notna(), None).tolist()
        for c in frame.columns
    }
    return Table(
        name or "frame",
        columns,
        range(len(frame)),
        header=not all(isinstance(c, int) for c in frame.columns),
    )


def _check_names(names: Iterable[Any], where: str) -> None:
    """Raise DataError if two columns have one name, be it once as a text and once as a number."""
    counts = Counter(map(str, names))
    if twice := [repr(name) for name, count in counts.items() if count > 1]:
        raise DataError(
            f"The {where} has several columns of the name "
            f"{listed(twice)}. Rename or drop all but one of each."
        )


def _read_rows(rows: list[dict[str, Any]], name: str) -> Table:
    _check_names({key: None for row in rows for key in row}, f"list of {name or 'rows'}")
    return object_table(name or "rows", rows, range(len(rows)))


def _read_arrays(source: Any, name: str) -> Table:
    """A pair of values and labels, or values alone; a column of pandas is an array of NumPy."""
    pair = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
    return array_table(
        *(part.to_numpy() if hasattr(part, "to_numpy") else part for part in pair), name or "array"
    )


_READERS = {"frame": _read_frame, "rows": _read_rows, "arrays": _read_arrays}
"""Form -> how it becomes a table; the name is that of its split, or empty."""
