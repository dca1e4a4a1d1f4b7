"""JSON arrays."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.folders.class_folders import is_hidden
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import read_text
from graft.data.tables.objects import object_table, write_objects
from graft.data.tables.rows import read_files
from graft.data.tables.table import Table

_LOOKED_AT = 65_536
"""Bytes of a file that it is judged by."""
_ARRAY = re.compile(r'\s*(\{\s*"[^"]*"\s*:\s*)?\[\s*\{')
_ABOUT = ("classes", "labels", "readme", "dataset", "config", "info")
"""How files begin that describe data."""


class Json:
    """A list of JSON objects in one .json file, their keys the columns; or the one list under a key.

    One file, or a folder with train.json, val.json, test.json.
    """

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return 0.9 * _is_one(path)
        return 0.7 * bool(path.is_dir() and _files(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else _files(path)
        if not files:
            raise DataError(f'{path} holds no JSON files with a list of objects: [{{"text": ..., "label": ...}}, ...].')
        return read_files(path, files, options, _read)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_objects(data, path, ".json", lambda rows: "[" + ",\n".join(rows) + "]\n")


def _files(folder: Path) -> list[Path]:
    found = [p for p in sorted(folder.iterdir()) if p.is_file() and not is_hidden(p) and _is_one(p)]
    return [p for p in found if not p.stem.lower().startswith(_ABOUT)]


def _is_one(file: Path) -> bool:
    if file.suffix.lower() != ".json":
        return False
    with open(file, "rb") as opened:
        start = opened.read(_LOOKED_AT).decode("utf-8-sig", "replace")
    return _ARRAY.match(start) is not None and '"paragraphs"' not in start  # those are SQuAD's


def _read(file: Path, options: ReadOptions) -> Table:
    text, note = read_text(file)
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file} is not JSON: {error}.") from error
    lists = [value for value in found.values() if isinstance(value, list)] if isinstance(found, dict) else [found]
    if len(lists) != 1:
        raise DataError(f"{file} holds {len(lists)} lists. Give one list of objects, or the objects a line each (.jsonl).")
    wrong = [str(number) for number, row in enumerate(lists[0], start=1) if not isinstance(row, dict)]
    if wrong:
        raise DataError(f"{len(wrong):,} entries of the list in {file} are no objects: {', '.join(wrong[:10])}.")
    rows: list[dict[str, Any]] = lists[0]
    return object_table(file, rows, range(1, len(rows) + 1), note)
