"""Data that are in Python already: frames, and arrays or lists of values and labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, splits_of
from graft.data.tables.arrays import array_table
from graft.data.tables.rows import to_data
from graft.data.tables.table import Table

_FORMS = "a path, Data, a pandas DataFrame, a list of dicts, (values, labels), or a dict of these by split"


def from_memory(source: Any, options: ReadOptions | None = None) -> Data:
    """`Data` from `Data`, a pandas DataFrame, a list of dicts, a pair (values, labels), or a dict of these by split.

    Dicts are rows of a table: {"tokens": [...], "tags": [...]}, {"question": ..., "context": ..., "answers": [...]}. Lists of
    tokens with lists of tags are a pair too. With `options.labels` False also from bare values: a list of texts or paths, or
    an array of images. Raises DataError.
    """
    options = options or ReadOptions()
    if isinstance(source, Data):
        return source
    if isinstance(source, dict):
        return _by_split(source, options)
    if _is_frame(source):
        return from_frame(source, options)
    if _are_rows(source):
        return replace(to_data({"all": [_table_of_rows(source, "rows")]}, options), format="rows")
    if isinstance(source, tuple) and len(source) == 2:
        return from_arrays(*source)
    if not options.labels and hasattr(source, "__len__") and not isinstance(source, str):
        return from_arrays(source, None)
    raise DataError(f"Data cannot be made of a {type(source).__name__}. Give {_FORMS}.")


def from_frame(frame: Any, options: ReadOptions | None = None) -> Data:
    """The rows of a pandas DataFrame, their columns' roles found as in a table. Raises DataError."""
    return replace(to_data({"all": [_table(frame, "frame")]}, options or ReadOptions()), format="frame")


def from_arrays(values: Any, labels: Any) -> Data:
    """Texts, images or paths of images with their labels; `labels` None is for data to predict. Raises DataError."""
    return _of_arrays({"all": array_table(*map(_unwrapped, (values, labels)), "array")}, labels is not None)


def _by_split(source: dict[str, Any], options: ReadOptions) -> Data:
    meaning = splits_of(source)
    if unknown := [name for name in source if name not in meaning]:
        raise DataError(f"{', '.join(map(repr, unknown))} name no split. Known: train, val, test, unlabeled and their like.")
    if all(_is_frame(part) for part in source.values()):
        tables = {meaning[name]: [_table(frame, name)] for name, frame in source.items()}
        return replace(to_data(tables, options), format="frame")
    if all(_are_rows(part) for part in source.values()):
        tables = {meaning[name]: [_table_of_rows(rows, name)] for name, rows in source.items()}
        return replace(to_data(tables, options), format="rows")
    tables = {}
    for name, part in source.items():
        if not isinstance(part, tuple) or len(part) != 2:
            raise DataError(
                f"The split {name!r} is a {type(part).__name__}. Give frames for all splits, or pairs (values, labels) for all."
            )
        tables[meaning[name]] = array_table(*map(_unwrapped, part), name)
    return _of_arrays(tables, True)


def _of_arrays(tables: dict[str, Table], labels: bool) -> Data:
    cells = [cell for table in tables.values() for cell in table.columns.get("label", ()) if cell is not None]
    columns = {"label": "label"} if cells and all(isinstance(cell, str) for cell in cells) else {}  # words are classes
    parts = {split: [table] for split, table in tables.items()}
    return replace(to_data(parts, ReadOptions(columns, labels=labels)), format="arrays")


def _unwrapped(values: Any) -> Any:
    """A column of pandas as an array of NumPy."""
    return values.to_numpy() if hasattr(values, "to_numpy") else values


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "iloc")


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _table_of_rows(rows: list[dict[str, Any]], name: str) -> Table:
    names = list(dict.fromkeys(str(key) for row in rows for key in row))
    return Table(name, {key: [row.get(key) for row in rows] for key in names}, range(len(rows)))


def _table(frame: Any, name: str) -> Table:
    if not len(frame):
        raise DataError(f"The {name} holds no rows. Its columns: {', '.join(map(str, frame.columns))}.")
    columns = {str(c): frame[c].astype(object).where(frame[c].notna(), None).tolist() for c in frame.columns}
    return Table(name, columns, range(len(frame)), header=not all(isinstance(c, int) for c in frame.columns))
