"""Tagged tokens in columns, as the CoNLL shared tasks have them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError, listed
from graft.base.tags import marks_entities
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, file_splits, split_file
from graft.data.listing import samples_in
from graft.data.tables.encodings import is_blank, read_beginning, read_text
from graft.data.tables.rows import read_files
from graft.data.tables.table import Table, row_width

_SURE = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".bioes")
_PERHAPS = (".txt", ".tsv")
"""Suffixes of files that are looked into first."""
NEAR_MISS = 0.02
"""The share of lines with another number of columns that a file of entities may have."""
_DOCUMENT = "-DOCSTART-"
_NUMBER = re.compile(r"\d+([-.]\d+)?")
_WORDS, _PARTS_OF_SPEECH = 1, 3
"""Columns of CoNLL-U, which has ten."""


class Conll:
    """One token a line with its tags in columns, a blank line between sentences.

    CoNLL 2003, WNUT, CoNLL-U and their kin: one file, or a folder with train, valid and test files
    (.txt, .conll, .bio, .iob, .tsv). The first column is the tokens, the last one the tags;
    `--columns tokens=0,tags=1` chooses others, by number from 0. `-DOCSTART-` begins a document.
    """

    suffixes: ClassVar = _SURE

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return float(_is_one(path))
        files = _files(path) if path.is_dir() else []
        return (0.85 if any(f.suffix.lower() == ".tsv" for f in files) else 0.8) if files else 0.0

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else _files(path)
        if not files:
            raise DataError(
                f"{path} holds no files of tokens and tags in "
                "columns (.conll, .bio, .iob, .txt, .tsv)."
            )
        plain = replace(options, columns={})
        return read_files(path, files, plain, lambda file, _: _read(file, options), kind="tags")

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            lines, group = [], None
            for sample in samples:
                if "tokens" not in sample.roles or any(
                    not t or set(t) & set("\t\n\r") for t in sample.roles["tokens"]
                ):
                    raise DataError(
                        f"{sample.id} has no tokens that can stand on a line each. "
                        "Use Parquet or JSON lines."
                    )
                if sample.roles.get("group") != group:
                    group = sample.roles.get("group")
                    lines += [f"{_DOCUMENT}\tO", ""]
                columns = (sample.roles["tokens"], sample.roles.get("tags"))
                known = [column for column in columns if column is not None]
                lines += [*map("\t".join, zip(*known, strict=True)), ""]
            split_file(path, split, ".conll").write_text(
                "\n".join(lines) + "\n", encoding="utf-8", newline=""
            )


@dataclass(frozen=True)
class _Sentence:
    line: int
    """The line of its first token."""
    document: int | None
    """The line on which its document begins."""
    rows: list[str]


def _files(folder: Path) -> list[Path]:
    if sure := samples_in(folder, _SURE):
        return sure
    files = samples_in(folder, _PERHAPS)
    is_named = len(files) < 50 and file_splits(file.stem for file in files) is not None
    are_tables = list(map(_is_one, files)) if is_named or len(files) == 1 else []
    # Most of them are enough: one that is damaged is not left out in silence.
    return files if 2 * sum(are_tables) > len(files) else []


def _is_one(file: Path) -> bool:
    if file.suffix.lower() in _SURE:
        return True
    if file.suffix.lower() not in _PERHAPS:
        return False
    start = read_beginning(file)
    return "\0" not in start and _is_columns(start.split("\n"))


def _is_columns(lines: Sequence[str]) -> bool:
    """Whether these are columns of tokens and tags.

    All lines are as wide, no token has blanks, and there are few tags, which come back.
    """
    sentences, _ = _sentences(lines)
    rows = [row for s in sentences for row in s.rows]
    fields = _fields(rows, None)
    if not fields or any(" " in part for f in fields for part in f):
        return False
    width, count = Counter(map(len, fields)).most_common(1)[0]
    tags = [f[-1] for f in fields if len(f) == width]
    if width > 1 and count < len(fields):  # a line or two without a tag: reading names them
        return len(fields) - count <= NEAR_MISS * len(fields) and marks_entities(tags)
    if count < len(fields) or width < 2:
        return False
    if all(tag == "O" for tag in tags) or marks_entities(tags):
        return len(fields) > 1
    kinds = set(tags)
    are_long = len(sentences) > 1 and len(rows) >= 3 * len(sentences)
    return are_long and len(kinds) <= min(100, len(rows) / 2) and max(map(len, kinds)) < 20


def _sentences(lines: Sequence[str]) -> tuple[list[_Sentence], bool]:
    """The sentences, and whether the file is CoNLL-U.

    Comments stand before a sentence, and only in files that have such.
    """
    sentences: list[_Sentence] = []
    document, open_row = None, None
    first = next((line for line in lines if line.strip()), "")
    has_marks = first.startswith("# ") and "=" in first
    universal = _is_universal(lines)
    for number, line in enumerate(lines, start=1):
        line = line.rstrip("\t \r")
        is_comment = line.startswith("#") and (universal or (has_marks and "=" in line))
        if is_blank(line):
            open_row = None
        elif line.startswith(_DOCUMENT):
            document, open_row = number, None
        elif open_row is None and is_comment:
            document = number if line.startswith("# newdoc") else document
        elif open_row is None:
            open_row = [line]
            sentences.append(_Sentence(number, document, open_row))
        else:
            open_row.append(line)
    return sentences, universal


def _is_universal(lines: Sequence[str]) -> bool:
    """Whether this is CoNLL-U: ten columns, of which the first counts words of a sentence."""
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    row = first.rstrip("\r").split("\t")
    return len(row) == 10 and _NUMBER.fullmatch(row[0]) is not None


def _fields(rows: Sequence[str], delimiter: str | None) -> list[list[str]]:
    """The columns of each row: between tabs where most rows have such, else between blanks."""
    if delimiter is None and sum("\t" in row for row in rows) > len(rows) / 2:
        delimiter = "\t"
    if delimiter is None:
        return [[part for part in row.replace("\t", " ").split(" ") if part] for row in rows]
    return [[part.strip(" ") for part in row.split(delimiter)] for row in rows]


def _read(file: Path, options: ReadOptions) -> Table:
    text, note = read_text(file)
    sentences, universal = _sentences(text.split("\n"))
    if not sentences:
        raise DataError(f"{file} holds no rows.")
    fields = _fields([row for s in sentences for row in s.rows], options.delimiter)
    lines = [s.line + i for s in sentences for i in range(len(s.rows))]
    advice = "Each line needs a token and its tags; a blank line ends a sentence."
    width = row_width(file.name, fields, lines, advice)
    bare = (file_splits([file.stem]) or {}).get(file.stem) == "unlabeled"
    if options.labels and width == 1 and not bare:
        raise DataError(
            f"{file} has one column only, so no tags. "
            "Each line needs a token and a tag; else name it unlabeled."
        )
    tokens, tags = _columns(file, options, width, universal)
    pairs = zip(lines, fields, strict=True)
    if empty := [f"{file.name}:{n}" for n, row in pairs if not (row[tokens] and row[tags])]:
        raise DataError(
            f"{len(empty):,} lines of {file.name} have no "
            f"token or no tag: {listed(empty)}. Fix them."
        )
    rows = _group_by_sentence(sentences, fields, universal)
    columns: dict[str, list] = {"tokens": [tuple(row[tokens] for row in of) for of in rows]}
    if width > 1 and not bare:
        columns["tags"] = [tuple(row[tags] for row in of) for of in rows]
    if any(s.document is not None for s in sentences):
        columns["group"] = [f"{file.name}:{s.document or 1}" for s in sentences]
    notes = [note] if note else []
    if "tags" in columns and width > 2 and "tags" not in options.columns:
        notes.append(
            f"The tags are of column {tags} of 0 to {width - 1}; "
            f"for another: --columns tags={1 if tags != 1 else 2}."
        )
    called = {"tokens": str(tokens), "tags": str(tags)}
    return Table(file.name, columns, [s.line for s in sentences], called=called, notes=tuple(notes))


def _group_by_sentence(
    sentences: Sequence[_Sentence], fields: Sequence[list[str]], universal: bool
) -> list[list[list[str]]]:
    """The rows of each sentence; of CoNLL-U words alone, not ranges 3-4 or empty ones 3.1."""
    rest = iter(fields)
    parts = [list(islice(rest, len(s.rows))) for s in sentences]
    return [[row for row in rows if row[0].isdecimal()] for rows in parts] if universal else parts


def _columns(file: Path, options: ReadOptions, width: int, universal: bool) -> tuple[int, int]:
    """The numbers of the columns of tokens and tags."""
    if unknown := set(options.columns) - {"tokens", "tags"}:
        raise DataError(
            f"Unknown role {', '.join(sorted(unknown))} in --columns. "
            f"Roles of {file.name}: tags, tokens."
        )
    chosen = {"tokens": 0, "tags": width - 1}
    if universal:
        chosen = {"tokens": _WORDS, "tags": _PARTS_OF_SPEECH}
    for role, name in options.columns.items():
        if not str(name).isdecimal() or int(name) >= width:
            raise DataError(
                f"{file.name} has the columns 0 to {width - 1}. Got {role}={name} instead."
            )
        chosen[role] = int(name)
    return chosen["tokens"], chosen["tags"]
