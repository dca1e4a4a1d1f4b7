"""JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import is_blank, parse_json, read_text
from graft.data.tables.files import TableFiles
from graft.data.tables.objects import object_table, write_objects
from graft.data.tables.table import Table


class Jsonl(TableFiles):
    """One JSON object a line, its keys the columns; a list as the label means several labels.

    One file, or a folder with train.jsonl, val.jsonl, test.jsonl. Lines end at a line feed only.
    """

    suffixes: ClassVar = (".jsonl", ".ndjson")

    def table(self, file: Path, options: ReadOptions) -> Table:
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

    def write_tiny(self, data: Data, path: Path) -> None:
        write_objects(data, path, ".jsonl", lambda rows: "".join(row + "\n" for row in rows))
