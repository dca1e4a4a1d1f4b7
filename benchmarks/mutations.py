"""The mutations by which `fuzz.py` damages a file, from bytes and a random generator to bytes."""

from __future__ import annotations

import codecs
import datetime as dt
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OBJECTS, LINES, ARRAYS, COLUMNS, MEDIUM = "objects", "lines", "arrays", "columns", "medium"
_MEDIA = (".jpg", ".png", ".gif", ".bmp", ".tif", ".webp", ".ppm", ".wav", ".flac", ".ogg", ".mp3")
_GROUPS = {
    ".json": OBJECTS,
    ".jsonl": OBJECTS,
    ".npz": ARRAYS,
    ".parquet": COLUMNS,
    **dict.fromkeys(_MEDIA, MEDIUM),
}
"""File extension -> what the file holds; any other file holds lines of text."""
_DELIMITERS = (b",", b";", b"\t", b"|", b":", b" ", b"\x1f", b"\r", b"\xc2\xa0", b"\n")
_ENCODINGS = (
    "utf-16-le",
    "utf-16-be",
    "utf-32-le",
    "cp1252",
    "cp1251",
    "mac-roman",
    "shift_jis",
    "gb18030",
    "utf-7",
    "cp500",
)
_MARKED = {
    "utf-16": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32": codecs.BOM_UTF32_LE,
    "utf-8": codecs.BOM_UTF8,
}
_STRANGE = (
    None, True, False, 0, -1, 1.5, 10**25, 1e308, float("nan"), float("-inf"),
    "", " ", "[]", "x" * 3000, "\ud800", "\0", [], {}, [None], [[]], [{}], {"a": None}, ["a", 1],
    [[0, 1, "x"]], [{"role": "user", "content": None}], {"text": 1, "start": []},
)  # fmt: skip
"""Values that replace any other value in JSON."""
_CELLS = (
    "", " ", "nan", "NaN", "null", "None", "inf", "1e999", "-0", "1_000", "9" * 400,
    "[", "[]", "['a', 'b']", '"', '""', "'", "=1+1", "\uff11", "\u202e", "a" * 3000,
    "../x.png", "/", "https://x.y/z.png", "a\0b", "{}", "|", ";",
)  # fmt: skip
"""Cells that replace any other cell between delimiters."""


@dataclass(frozen=True)
class Mutation:
    """One kind of damage; after harmless damage a reader finds the same samples or refuses."""

    damage: Callable[[bytes, random.Random], bytes]
    groups: tuple[str, ...] = (OBJECTS, LINES, ARRAYS, COLUMNS, MEDIUM)
    is_harmless: bool = False


def fitting(file: Path) -> list[str]:
    """Return the names of the mutations for a file with this extension."""
    group = _GROUPS.get(file.suffix, LINES)
    return [name for name, mutation in MUTATIONS.items() if group in mutation.groups]


def flip_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Replace one to eight bytes by random ones."""
    changed = bytearray(raw)
    for _ in range(rng.randint(1, 8) if raw else 0):
        changed[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(changed)


def flip_first_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Replace one to eight of the first hundred bytes, where headers are."""
    return flip_bytes(raw[:100], rng) + raw[100:]


def cut_tail(raw: bytes, rng: random.Random) -> bytes:
    """Cut off the end."""
    return raw[: rng.randrange(len(raw) + 1)]


def cut_middle(raw: bytes, rng: random.Random) -> bytes:
    """Cut out a part."""
    start, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
    return raw[:start] + raw[end:]


def repeat_part(raw: bytes, rng: random.Random) -> bytes:
    """Repeat a part of up to a hundred bytes, once or many times."""
    start = rng.randrange(len(raw) + 1)
    part = raw[start : start + rng.randint(1, 100)]
    return raw[:start] + part * rng.choice((2, 3, 500)) + raw[start + len(part) :]


def insert_nul(raw: bytes, rng: random.Random) -> bytes:
    """Insert NUL bytes in one place."""
    at = rng.choice((0, len(raw), rng.randrange(len(raw) + 1)))
    return raw[:at] + b"\0" * rng.choice((1, 2, 4, 5000)) + raw[at:]


def insert_mark(raw: bytes, rng: random.Random) -> bytes:
    """Insert a byte-order mark of any encoding in any place."""
    at = rng.choice((0, len(raw), rng.randrange(len(raw) + 1)))
    return raw[:at] + rng.choice(sorted(_MARKED.values())) + raw[at:]


def double_header(raw: bytes, rng: random.Random) -> bytes:
    """Repeat the first line, at once or later."""
    lines = raw.split(b"\n")
    lines.insert(rng.choice((1, rng.randrange(len(lines)) + 1)), lines[0])
    return b"\n".join(lines)


def shuffle_lines(raw: bytes, rng: random.Random) -> bytes:
    """Swap, join or replace two lines."""
    lines = raw.split(b"\n")
    i, j = (rng.randrange(len(lines)) for _ in range(2))
    lines[i], lines[j] = rng.choice(
        ((lines[j], lines[i]), (lines[i] + lines[j], b""), (lines[i], lines[i]))
    )
    return b"\n".join(lines)


def swap_encoding(raw: bytes, rng: random.Random) -> bytes:
    """Write the text in another encoding without a mark, or decode it with a wrong one."""
    text = raw.decode("utf-8", "replace")
    if rng.random() < 0.3:
        return raw.decode("latin-1").encode("utf-8")
    return text.encode(rng.choice(_ENCODINGS), "replace")


def swap_encoding_of_a_line(raw: bytes, rng: random.Random) -> bytes:
    """Write one line in another encoding."""
    lines = raw.split(b"\n")
    i = rng.randrange(len(lines))
    lines[i] = swap_encoding(lines[i] + b"\xc3\xa9", rng)
    return b"\n".join(lines)


def swap_delimiters(raw: bytes, rng: random.Random) -> bytes:
    """Replace a delimiter by another one, everywhere, in some places or in one."""
    old, new = rng.choice([d for d in _DELIMITERS if d in raw] or [b","]), rng.choice(_DELIMITERS)
    parts = raw.split(old)
    share = rng.choice((0.0, 0.1, 1.0))
    only = rng.randrange(len(parts))
    return parts[0] + b"".join(
        (new if rng.random() < share or i == only else old) + p for i, p in enumerate(parts[1:])
    )


def insert_quotes(raw: bytes, rng: random.Random) -> bytes:
    """Insert an open quote, or two quotes far apart."""
    for _ in range(rng.randint(1, 2)):
        at = rng.randrange(len(raw) + 1)
        raw = raw[:at] + rng.choice((b'"', b"'", b'\\"', b"\xe2\x80\x9c", b"\\")) + raw[at:]
    return raw


def replace_cell(raw: bytes, rng: random.Random) -> bytes:
    """Replace the text between two delimiters, in one row or in a whole column."""
    delimiter = rng.choice([d for d in _DELIMITERS[:4] if d in raw] or [b" "])
    cell = rng.choice(_CELLS).encode()
    lines = [line.split(delimiter) for line in raw.split(b"\n")]
    column, rows = (
        rng.randrange(len(lines[0])),
        rng.choice((range(len(lines)), [rng.randrange(len(lines))])),
    )
    for row in rows:
        if column < len(lines[row]):
            lines[row][column] = cell
    return b"\n".join(map(delimiter.join, lines))


def replace_value(raw: bytes, rng: random.Random) -> bytes:
    """Replace a value in JSON, or all values of one key, by another type; rename some keys."""
    is_lines = raw.lstrip().startswith(b"{") and raw.count(b"\n{") > 0
    text = raw.decode("utf-8")
    tree = (
        [json.loads(line) for line in text.split("\n") if line.strip()]
        if is_lines
        else json.loads(text)
    )
    places = list(_places(tree))
    holder, key = rng.choice(places)
    strange = rng.choice(_STRANGE)
    alike = (
        [place for place in places if place[1] == key]
        if isinstance(key, str) and rng.random() < 0.5
        else [(holder, key)]
    )
    for each, name in alike:
        each[name] = strange
    if isinstance(holder, dict) and rng.random() < 0.2:
        holder[rng.choice(("", "label", "text", "tokens", "id", "split", "group", "\ud800"))] = (
            holder.pop(key)
        )
    rows = [json.dumps(row) for row in tree] if is_lines else [json.dumps(tree)]
    return ("\n".join(rows) + "\n").encode()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every (list or object, index or key) of a tree."""
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [place for key, value in items for place in ((tree, key), *_places(value))]


def replace_array(raw: bytes, rng: random.Random) -> bytes:
    """Replace an array of an archive by one of another type or shape, or remove it."""
    arrays = dict(np.load(io.BytesIO(raw)))
    key = rng.choice(sorted(arrays))
    array = arrays.pop(key)
    size = len(array)
    strange = (
        None, np.float64(1), array[:0], array[1:], array[:, None], np.full(size, b"x"),
        np.ones(size, bool), np.full(size, ""), np.full(size, np.nan), np.full((size, 2), 2),
        np.full((size, 8, 8), 1e30), np.zeros((size, 0)), np.arange(size) / 3,
        np.zeros((size, 4, 4, 7)), np.arange(size), np.zeros(size, "datetime64[s]"),
        np.zeros(size, [("a", int)]), np.zeros(size, complex), np.full(size, "x.png"),
        np.full((size, 4, 4), -1), np.full((size, 1, 1), 300, np.uint16),
    )  # fmt: skip
    other = rng.choice(strange)
    name = rng.choice((key, key, key, key.upper(), "classes", "x", "y_test", "text"))
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays if other is None else arrays | {name: other}))
    return buffer.getvalue()


def replace_column(raw: bytes, rng: random.Random) -> bytes:
    """Replace a column by one of another type, rename it, or remove it."""
    table = pq.read_table(io.BytesIO(raw))
    number, name = rng.randrange(table.num_columns), rng.choice(table.column_names)
    size = table.num_rows
    value = rng.choice((*_STRANGE, 3, b"bytes", b"", dt.date(2020, 1, 1), dt.timedelta(1), 0.1))
    columns = (
        table.column(number),
        pa.nulls(size),
        pa.array([_holdable(value)] * size),
        pa.array(range(size)),
        pa.array(range(size)).cast(pa.float32()),
        pa.array([f"{i % 2}" for i in range(size)]).dictionary_encode(),
    )
    column = rng.choice((*columns, columns[2]))
    if rng.random() < 0.2:
        table = table.remove_column(number)
    else:
        name = rng.choice(
            (table.column_names[number],) * 4
            + (name, "", "label", "text", "id", "split", "group", "image")
        )
        table = table.set_column(number, name, column)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _holdable(value: Any) -> Any:
    """Return the value, or None if Parquet has no type for it."""
    try:
        pq.write_table(pa.table({"x": pa.array([value])}), io.BytesIO())
    except (pa.ArrowException, ValueError, TypeError, OverflowError, NotImplementedError):
        return None
    return value


def nest_deeply(raw: bytes, rng: random.Random) -> bytes:
    """Insert up to a hundred thousand nested lists."""
    at = rng.choice((0, raw.find(b":") + 1))
    depth = rng.choice((50, 900, 100_000))
    return raw[:at] + b"[" * depth + b"]" * rng.choice((0, depth)) + b"," * bool(at) + raw[at:]


def repeat_digits(raw: bytes, rng: random.Random) -> bytes:
    """Replace a number by one that is huge or malformed."""
    number = rng.choice(
        (b"9" * 5000, b"1e99999", b"-9223372036854775809", b"0x1F", b"1.", b"NaN", b"-Infinity")
    )
    found = list(re.finditer(rb"\d+", raw))
    match = rng.choice(found) if found else None
    return raw[: match.start()] + number + raw[match.end() :] if match else raw + number


def mark_encoding(raw: bytes, rng: random.Random) -> bytes:
    """Write the same text in another Unicode encoding, with its mark."""
    name = rng.choice(sorted(_MARKED))
    return _MARKED[name] + raw.decode("utf-8").encode(
        {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    )


def end_lines_otherwise(raw: bytes, rng: random.Random) -> bytes:
    """End lines with carriage return and line feed."""
    return raw.replace(b"\n", b"\r\n")


def add_blank_lines(raw: bytes, rng: random.Random) -> bytes:
    """Add blank lines at the end, with or without white space, or remove the last line break."""
    return raw.rstrip(b"\n") + rng.choice(
        (b"", b"\n\n\n", b"\n\r\n", b"\n  \n", b"\n\xef\xbb\xbf\n", b"\n\xe2\x80\x8b\n")
    )


_TEXT = (OBJECTS, LINES)
MUTATIONS = {
    "bytes flipped": Mutation(flip_bytes),
    "bytes at the start flipped": Mutation(flip_first_bytes),
    "tail cut": Mutation(cut_tail),
    "part cut out": Mutation(cut_middle),
    "part repeated": Mutation(repeat_part),
    "NUL bytes inserted": Mutation(insert_nul),
    "byte-order mark inserted": Mutation(insert_mark),
    "header doubled": Mutation(double_header, _TEXT),
    "lines moved": Mutation(shuffle_lines, _TEXT),
    "encoding swapped": Mutation(swap_encoding, _TEXT),
    "encoding of a line swapped": Mutation(swap_encoding_of_a_line, _TEXT),
    "delimiters swapped": Mutation(swap_delimiters, _TEXT),
    "quotes inserted": Mutation(insert_quotes, _TEXT),
    "cells replaced": Mutation(replace_cell, (LINES,)),
    "values replaced": Mutation(replace_value, (OBJECTS,)),
    "arrays replaced": Mutation(replace_array, (ARRAYS,)),
    "columns replaced": Mutation(replace_column, (COLUMNS,)),
    "values nested deeply": Mutation(nest_deeply, (OBJECTS,)),
    "numbers made odd": Mutation(repeat_digits, _TEXT),
    "marked as another Unicode": Mutation(mark_encoding, _TEXT, is_harmless=True),
    "other line ends": Mutation(end_lines_otherwise, (OBJECTS, LINES), is_harmless=True),
    "blank lines at the end": Mutation(add_blank_lines, (OBJECTS, LINES), is_harmless=True),
}
