"""JSON arrays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import read_beginning
from graft.data.tables.files import TableFiles
from graft.data.tables.objects import object_table, read_json, write_objects
from graft.data.tables.table import Table

_ARRAY = re.compile(r'\s*(\{\s*"[^"]*"\s*:\s*)?\[\s*\{')
_ABOUT = ("classes", "labels", "readme", "dataset", "config", "info")
"""How files begin that describe data."""


class Json(TableFiles):
    """A list of JSON objects in one .json file, their keys the columns; or the one list under a key.

    One file, or a folder with train.json, val.json, test.json.
    """

    suffixes: ClassVar = (".json",)
    sure: ClassVar = (0.9, 0.7)
    form: ClassVar = ' with a list of objects: [{"text": ..., "label": ...}, ...]'

    def files(self, path: Path) -> list[Path]:
        return [
            file
            for file in super().files(path)
            if file == path or not file.stem.lower().startswith(_ABOUT)
        ]

    def is_one(self, file: Path) -> bool:
        if not super().is_one(file):
            return False
        start = read_beginning(file)
        return _ARRAY.match(start) is not None and '"paragraphs"' not in start  # those are SQuAD's

    def table(self, file: Path, options: ReadOptions) -> Table:
        found, note = read_json(file)
        lists = (
            [value for value in found.values() if isinstance(value, list)]
            if isinstance(found, dict)
            else [found]
        )
        if len(lists) != 1:
            raise DataError(
                f"{file} holds {len(lists)} lists. Give one list of objects, or the objects a line each (.jsonl)."
            )
        rows: list[Any] = lists[0]
        wrong = [
            str(number) for number, row in enumerate(rows, start=1) if not isinstance(row, dict)
        ]
        if wrong:
            raise DataError(
                f"{len(wrong):,} entries of the list in {file} are no objects: {listed(wrong)}."
            )
        return object_table(file.name, rows, range(1, len(rows) + 1), note)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_objects(data, path, ".json", lambda rows: "[" + ",\n".join(rows) + "]\n")
