"""JSON arrays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.typed_json import describe
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.sounds.open import has_sound_suffix
from graft.data.tables.encodings import parse_json, read_beginning
from graft.data.tables.files import TableFiles
from graft.data.tables.objects import object_table, read_json, read_lines, write_objects
from graft.data.tables.table import Table

_ARRAY = re.compile(r'\s*(\{\s*"[^"]*"\s*:\s*)?\[\s*\{')
_LINES = re.compile(r"\s*\{[^\n]*\}[ \t\r]*\n\s*\{")
"""Objects a line in a file that ends in .json, as NeMo's manifests do."""
_LINE = re.compile(r"\s*\{[^\n]*\}\s*")
_BY_FILE = re.compile(r'\s*\{\s*"([^"]+)"\s*:\s*"')
"""An object of names and texts: files and their transcripts, if the first names a sound."""
_ABOUT = ("classes", "labels", "readme", "dataset", "config", "info")
"""The names of files that describe data."""
_ADVICE = (
    'Write the samples as [{"text": "a text", "label": "spam"}, ...], '
    "or one object a line (.jsonl)."
)


class Json(TableFiles):
    """A list of JSON objects, their keys the columns, in one .json file; or the list under a key.

    Also an object a line, as NeMo's manifests have them, and one of transcripts by file of sound.

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

    def sniff(self, path: Path) -> float:
        """Any other JSON file counts a little, so that an error says in what form it is read."""
        is_json = path.is_file() and path.suffix.lower() in self.suffixes
        return super().sniff(path) or 0.1 * is_json

    def is_one(self, file: Path) -> bool:
        if not super().is_one(file):
            return False
        start = read_beginning(file)
        if '"paragraphs"' in start:  # those are SQuAD's
            return False
        is_table = bool(_ARRAY.match(start) or _LINES.match(start))
        return is_table or _is_by_file(start) or _is_row_of_sound(start)

    def table(self, file: Path, options: ReadOptions) -> Table:
        start = read_beginning(file)
        if _LINES.match(start) or _is_row_of_sound(start):
            return read_lines(file)
        value, note = read_json(file)
        if _is_by_file(start):
            value = [{"file": name, "transcript": text} for name, text in value.items()]
        entries = value if isinstance(value, dict) else {"": value}
        lists = {key: rows for key, rows in entries.items() if isinstance(rows, list)}
        if len(lists) != 1:
            raise DataError(
                f"{file} holds {_describe(value, len(lists))}, "
                f"and one list of objects is read. {_ADVICE}"
            )
        ((key, rows),) = lists.items()
        wrong = [f"{n} ({row!r:.40})" for n, row in enumerate(rows, 1) if not isinstance(row, dict)]
        if wrong:
            are = "lists" if all(isinstance(row, list) for row in rows) else "not objects"
            raise DataError(
                f"{len(wrong):,} of {len(rows):,} entries of the list in {file} are {are}: "
                f"{listed(wrong, 3)}. {_ADVICE}"
            )
        notes = [note] if note else []
        if key:
            notes.append(f"The rows of {file.name} are the list under its key {key!r}.")
        return object_table(file.name, rows, range(1, len(rows) + 1), notes)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_objects(data, path, ".json", lambda rows: "[" + ",\n".join(rows) + "]\n")


def _is_by_file(start: str) -> bool:
    """Whether a file begins with a name of a sound and its text: `{"1.wav": "hello", ...}`."""
    first = _BY_FILE.match(start)
    return first is not None and has_sound_suffix(first[1])


def _is_row_of_sound(start: str) -> bool:
    """Whether a file is one line with an object that names a sound: a manifest of one row."""
    if not _LINE.fullmatch(start):
        return False
    try:
        row = parse_json(start)
    except ValueError:
        return False
    return any(isinstance(value, str) and has_sound_suffix(value) for value in row.values())


def _describe(value: Any, lists: int) -> str:
    """Describe the content of a file that is not one list."""
    if not isinstance(value, dict):
        return describe(value)
    keys = listed(map(repr, value), 5) or "none"
    return plural(lists, "list") if lists else f"a single object with the keys {keys}"
