"""JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.encodings import read_text
from graft.data.format import ReadOptions
from graft.data.tables.rows import read_tables, table_rows
from graft.data.tables.table import MAX_LISTED, Table, sniff_tables

_SUFFIXES = (".jsonl", ".ndjson")


class Jsonl:
    """One JSON object a line, its keys the columns; a list as the label means several labels.

    One file, or a folder with train.jsonl, val.jsonl, test.jsonl. Lines end at a line feed only.
    """

    def sniff(self, path: Path) -> float:
        return sniff_tables(path, _SUFFIXES)

    def read(self, path: Path, options: ReadOptions) -> Data:
        return read_tables(path, options, _SUFFIXES, _read)

    def write_tiny(self, data: Data, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        for split, rows in table_rows(data).items():
            lines = "".join(json.dumps(row, ensure_ascii=False, default=_refuse) + "\n" for row in rows)
            (path / f"{'samples' if split == 'all' else split}.jsonl").write_text(lines, encoding="utf-8", newline="")


def _read(file: Path, options: ReadOptions) -> Table:
    text, note = read_text(file)
    objects: list[dict[str, Any]] = []
    lines: list[int] = []
    bad: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):  # str.splitlines would cut at U+2028 inside a text
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            bad.append(f"{file.name}:{number} ({error})")
            continue
        if not isinstance(value, dict):
            bad.append(f"{file.name}:{number} (not an object)")
            continue
        objects.append(value)
        lines.append(number)
    if bad:
        more = f" and {len(bad) - MAX_LISTED} more" if len(bad) > MAX_LISTED else ""
        raise DataError(
            f"{len(bad):,} lines of {file} are not JSON objects: {', '.join(bad[:MAX_LISTED])}{more}. Each line needs one."
        )
    if not objects:
        raise DataError(f"{file} holds no rows.")
    names = list(dict.fromkeys(key for entry in objects for key in entry))
    columns = {name: [entry.get(name) for entry in objects] for name in names}
    return Table(file.name, columns, lines, notes=(note,) if note else ())


def _refuse(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray | bytes):
        raise DataError("JSON lines hold texts and image paths; write images as an image folder or as Parquet.")
    raise TypeError(type(value).__name__)
