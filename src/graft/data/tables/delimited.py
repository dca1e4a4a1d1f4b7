"""Tables as text: delimiter, quoting, header and rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

from graft.base.errors import BadValue, DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_file
from graft.data.images.open import has_image_suffix
from graft.data.kinds.kind import kind_named
from graft.data.sounds.open import has_sound_suffix
from graft.data.tables.cells import parse_written_number
from graft.data.tables.columns import known_names
from graft.data.tables.encodings import is_blank, read_text
from graft.data.tables.inputs import is_label_like
from graft.data.tables.media import with_files
from graft.data.tables.table import Table, row_width

_SEP_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The first line of a table by which spreadsheets say its delimiter."""
_ESCAPED = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
"""A quote with a backslash before it that is not itself escaped."""
_RAGGED = (
    "Fix those rows (a text that holds the delimiter needs "
    "quotes), or name the right one with --delimiter."
)
_OUTSIDE_NUMBERS = re.compile(r"\D,|,\D")
"""A comma that is not between two digits: the decimal comma of `3,5` is not a delimiter."""
_FIELD_LIMIT = 2**27
"""Characters in one field; the default of 131,072 is less than a long document."""


def read_delimited(file: Path, options: ReadOptions, delimiters: str, quoting: int) -> Table:
    """The table in `file`, whose delimiter is one of `delimiters`. Raises DataError, BadValue."""
    text, note = read_text(file)
    notes = [note] if note else []
    if options.delimiter is not None and len(options.delimiter) != 1:
        raise BadValue(f"The delimiter must be one character. Got {options.delimiter!r} instead.")
    named = _SEP_LINE.match(text)
    text = text[named.end() :] if named else text
    text += "" if text.endswith(("\r", "\n")) else "\n"  # so that an open quote holds a line end
    delimiter = options.delimiter or (named[1] if named else _delimiter(text, delimiters, quoting))
    if options.delimiter is None and delimiter != delimiters[0]:
        notes.append(f"{file.name} is delimited by {delimiter!r}.")
    doubled = text if quoting == csv.QUOTE_NONE else _ESCAPED.sub(r'\1""', text)
    if doubled != text and not _is_strict(text, delimiter) and _is_strict(doubled, delimiter):
        text = doubled
        notes.append(f"{file.name} escapes quotes by backslashes; they were read as quotes.")
    lines, records = _records(text, delimiter, quoting, file)
    if quoting == csv.QUOTE_NONE and _is_ragged(records):
        quoted = _records(text, delimiter, csv.QUOTE_MINIMAL, file)
        if not _is_ragged(quoted[1]):
            lines, records = quoted
            quoting = csv.QUOTE_MINIMAL
            notes.append(f"{file.name} has quoted fields; quotes around fields were removed.")
    if not records:
        raise DataError(f"{file} holds no rows.")
    if quoting != csv.QUOTE_NONE:
        _check_quotes(text, lines, records, delimiter, file)
    lines = [line + bool(named) for line in lines]
    asked = {part.strip() for name in options.columns.values() for part in str(name).split("+")}
    header = options.header
    if header is None:
        header = bool(asked & set(records[0])) or _has_header(records, notes, file.name)
    names = _names(records[0], file) if header else [str(i) for i in range(len(records[0]))]
    if header:
        lines, records = _drop_headers(lines, records, notes, file.name)
    if not records:
        raise DataError(f"{file} holds a header but no rows. Its columns: {', '.join(names)}.")
    row_width(file.name, records, lines, _RAGGED, len(names) if header else 0)
    return Table(
        file.name,
        dict(zip(names, map(list, zip(*records, strict=True)), strict=True)),
        lines,
        header,
        notes=tuple(notes),
    )


def write_delimited(data: Data, path: Path, suffix: str, delimiter: str, quoting: int) -> None:
    """Write one file a split, with a header; several labels are joined by `|`.

    Raises DataError for anything but texts, numbers and labels.
    """
    quote = None if quoting == csv.QUOTE_NONE else '"'
    kind = kind_named(data.kind)
    for split, samples in with_files(data, path).splits.items():
        rows = [row for sample in samples for row in kind.plain_rows(sample)]
        columns = list(dict.fromkeys(role for row in rows for role in row))
        cells = [[_cell(row.get(role), role == kind.target) for role in columns] for row in rows]
        with open(split_file(path, split, suffix), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, quoting=quoting, quotechar=quote)
            try:
                writer.writerows([columns, *cells])
            except csv.Error as error:
                raise DataError(f"A text cannot stand in a {suffix} file: {error}.") from error


def _cell(value: Any, is_target: bool) -> Any:
    """Return a value as it is written: a text or a number unchanged, several labels as one text."""
    if value is None or isinstance(value, str | float):
        return value
    if is_target and isinstance(value, tuple) and all(isinstance(label, str) for label in value):
        return "|".join(value)
    raise DataError(
        "A delimited table holds texts, numbers and labels "
        "only; write other samples as Parquet or JSON lines."
    )


def _records(
    text: str, delimiter: str, quoting: int, file: Path | None
) -> tuple[list[int], list[list[str]]]:
    """Return the line on which each record begins, and its fields, without blank lines."""
    csv.field_size_limit(_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    lines: list[int] = []
    records: list[list[str]] = []
    begins = 1
    try:
        for record in reader:
            if record:
                lines.append(begins)
                records.append(record)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file or 'The table'} cannot be read as delimited text: line {begins}: {error}."
        ) from error
    if max(map(len, records), default=0) > 1:
        kept = [len(record) > 1 or not is_blank(record[0]) for record in records]
        lines, records = list(compress(lines, kept)), list(compress(records, kept))
    return lines, records


def _is_strict(text: str, delimiter: str) -> bool:
    """Whether every quoted field ends where its quote is closed."""
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            pass
    except csv.Error:
        return False
    return True


def _check_quotes(
    text: str, lines: Sequence[int], records: Sequence[Sequence[str]], delimiter: str, file: Path
) -> None:
    """Raise DataError for an open quote that makes one record of several lines.

    Either nothing closes it, or the first quote of a later line does, behind which the field goes
    on. Or the lines are records too: with as many fields as the others, their last field known.
    """
    whole = list(io.StringIO(text, newline=""))  # the lines as the reader of records counts them
    ends = [*lines[1:], len(whole) + 1]
    width = len(records[0])
    known = {record[-1] for record in records if not _spans_lines(record)}
    for first, end, record in zip(lines, ends, records, strict=True):
        if not _spans_lines(record):
            continue
        within = whole[first - 1 : end - 1]
        rows = [line.rstrip("\r\n").split(delimiter) for line in within if line.strip()]
        are_rows = width > 1 and all(
            len(row) == width and row[-1].strip('"') in known for row in rows
        )
        if are_rows or not _is_strict("".join(within), delimiter):
            raise DataError(
                f"{file}: a quote on line {first} is not closed there, so that lines {first} to "
                f"{end - 1} would be one row. Close or double the quote, or remove it; a table of "
                "tabs (.tsv) takes quotes as text."
            )


def _spans_lines(record: Sequence[str]) -> bool:
    return any(end in field for field in record for end in "\r\n")


def _is_ragged(records: Sequence[Sequence[str]]) -> bool:
    return len({len(record) for record in records}) > 1


def _delimiter(text: str, delimiters: str, quoting: int) -> str:
    """The delimiter by which most of the first rows have one number of fields, more than one."""
    if len(delimiters) == 1:
        return delimiters
    start = text[:100_000]
    start = start if len(start) == len(text) else start[: start.rfind("\n") + 1]
    agreement = {}
    for delimiter in delimiters:
        records = _records(start, delimiter, quoting, None)[1]
        # A delimiter stands in row 1 too.
        widths = Counter(len(record) for record in records if len(records[0]) > 1)
        width, count = max(
            ((w, c) for w, c in widths.items() if w > 1), key=lambda pair: pair[1], default=(1, 0)
        )
        agreement[delimiter] = (count / max(widths.total(), 1), -width)
    best = max(agreement.values())
    likely = [d for d in delimiters if agreement[d] == best] if best[0] else [delimiters[0]]
    if len(likely) > 1 and not _OUTSIDE_NUMBERS.search(start):
        likely = [delimiter for delimiter in likely if delimiter != ","]
    return likely[0]


def _drop_headers(
    lines: Sequence[int], records: Sequence[list[str]], notes: list[str], name: str
) -> tuple[list[int], list[list[str]]]:
    """Drop the header, also where it recurs because tables were joined."""
    pairs = zip(lines[1:], records[1:], strict=True)
    again = [str(line) for line, row in pairs if row == records[0]]
    if again:
        notes.append(f"The header of {name} comes back, it is no row there: lines {listed(again)}.")
    rows = [pair for pair in zip(lines, records, strict=True) if pair[1] != records[0]]
    return [line for line, _ in rows], [row for _, row in rows]


def _names(cells: list[str], file: Path) -> list[str]:
    names = [cell.strip() or f"column {i}" for i, cell in enumerate(cells)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{file} has several columns named {', '.join(map(repr, twice))}. "
            "Rename them, or say --no-header if row 1 is a sample."
        )
    return names


def _has_header(records: list[list[str]], notes: list[str], name: str) -> bool:
    """Whether row 1 names the columns: it has known names, or differs from the rows below it."""
    first = records[0]
    rest = [row for row in records[1:2001] if len(row) == len(first) and row != first]
    columns = [list(column) for column in zip(*rest, strict=True)] or [[] for _ in first]
    named = [cell for cell in first if cell.strip()]
    if not named or any(_is_number(cell) for cell in named):
        return False
    is_known = (cell.strip().lower() in known_names() for cell in first)
    if any(
        known and cell not in column
        for known, cell, column in zip(is_known, first, columns, strict=True)
    ):
        return True
    if len(set(named)) < len(named) or first in records[1:]:
        return False
    if any(_stands_apart(cell, column) for cell, column in zip(first, columns, strict=True)):
        notes.append(
            f"Row 1 of {name} was taken for the header "
            f"({', '.join(first)}); if it is a sample: --no-header."
        )
        return True
    return False


def _stands_apart(cell: str, column: list[str]) -> bool:
    """Whether the first cell of a column differs in kind from the cells below it."""
    if not column or cell in column or not cell.strip():
        return False
    if all(parse_written_number(value) is not None for value in column):
        return parse_written_number(cell) is None
    for has_suffix in (has_image_suffix, has_sound_suffix):
        if all(map(has_suffix, column)):
            return not has_suffix(cell)
    return is_label_like(column) and min(Counter(column).values()) > 1


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in ("nan", "inf", "infinity")
