"""JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import read_text
from graft.data.tables.objects import object_table, write_objects
from graft.data.tables.rows import read_tables
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
        write_objects(data, path, ".jsonl", lambda rows: "".join(row + "\n" for row in rows))


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
    return object_table(file, objects, lines, note)
