"""JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.files import TableFiles
from graft.data.tables.objects import read_lines, write_objects
from graft.data.tables.table import Table


class Jsonl(TableFiles):
    """One JSON object a line, its keys the columns; a list as the label means several labels.

    One file, or a folder with train.jsonl, val.jsonl, test.jsonl. Lines end at a line feed only.
    """

    suffixes: ClassVar = (".jsonl", ".ndjson")

    def table(self, file: Path, options: ReadOptions) -> Table:
        return read_lines(file)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_objects(data, path, ".jsonl", lambda rows: "".join(row + "\n" for row in rows))
