"""Tables of JSON objects, a row each: their keys are the columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import split_file
from graft.data.tables.encodings import is_blank, parse_json, read_text
from graft.data.tables.media import with_files
from graft.data.tables.rows import table_rows
from graft.data.tables.table import Table


def read_json(file: Path) -> tuple[Any, str | None]:
    """Read a JSON file, with a note if its encoding had to be guessed. Raises DataError."""
    text, note = read_text(file)
    try:
        return parse_json(text), note
    except ValueError as error:
        raise DataError(f"{file} is not valid JSON: {error}.") from error


def read_lines(file: Path) -> Table:
    """The table of a file with a JSON object a line. Raises DataError naming the other lines."""
    text, note = read_text(file)
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    wrong: list[str] = []
    # str.splitlines would cut at U+2028 inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if is_blank(line):
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            wrong.append(f"{file.name}:{number} ({error})")
            continue
        if isinstance(value, dict):
            objects.append(value)
            lines.append(number)
        else:
            wrong.append(f"{file.name}:{number} (not an object)")
    if wrong:
        raise DataError(
            f"{len(wrong):,} lines of {file} are not valid JSON objects: {listed(wrong)}. "
            'Write one object a line: {"text": "a text", "label": "spam"}.'
        )
    return object_table(file.name, objects, lines, [note] if note else [])


def object_table(
    name: str, objects: Sequence[dict[str, Any]], rows: Sequence[int], notes: Sequence[str] = ()
) -> Table:
    """Make a table of objects; `rows` are their lines or positions.

    Raises DataError if there are none.
    """
    if not objects:
        raise DataError(f"{name} holds no rows.")
    keys = dict.fromkeys(key for entry in objects for key in entry)
    columns = {str(key): [entry.get(key) for entry in objects] for key in keys}
    return Table(name, columns, rows, notes=tuple(notes))


def write_objects(data: Data, path: Path, suffix: str, join: Callable[[list[str]], str]) -> None:
    """Write one file a split: its objects, each as JSON, joined.

    Raises DataError for what JSON cannot hold.
    """
    for split, rows in table_rows(with_files(data, path)).items():
        text = join([json.dumps(row, ensure_ascii=False, default=_plain) for row in rows])
        split_file(path, split, suffix).write_text(text, encoding="utf-8", newline="")


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray | bytes):
        raise DataError(
            "JSON holds texts and image paths; write images as an image folder or as Parquet."
        )
    raise TypeError(type(value).__name__)
