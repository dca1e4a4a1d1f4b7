"""One table in CSV, TSV, JSON lines, a JSON array and Parquet gives the same samples.

Each run tries the same few random tables; GRAFT_EXAMPLES=2000 tries more.
"""

from __future__ import annotations

import csv
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import read

Columns = dict[str, list[Any]]

EXAMPLES = int(os.environ.get("GRAFT_EXAMPLES", "40"))
PROFILE = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def write_csv(columns: Columns, file: Path) -> None:
    with open(file, "w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_tsv(columns: Columns, file: Path) -> None:
    rows = [
        ["" if cell is None else str(cell) for cell in row]
        for row in zip(*columns.values(), strict=True)
    ]
    lines = ["\t".join(row) for row in [list(columns), *rows]]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def rows_of(columns: Columns) -> list[str]:
    rows = zip(*columns.values(), strict=True)
    return [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]


def write_lines(columns: Columns, file: Path) -> None:
    file.write_text("".join(f"{row}\n" for row in rows_of(columns)), encoding="utf-8", newline="")


def write_array(columns: Columns, file: Path) -> None:
    file.write_text(f"[{', '.join(rows_of(columns))}]", encoding="utf-8", newline="")


def write_parquet(columns: Columns, file: Path) -> None:
    pa.parquet.write_table(pa.table(columns), file)


WRITERS: dict[str, Callable[[Columns, Path], None]] = {
    ".jsonl": write_lines,
    ".json": write_array,
    ".parquet": write_parquet,
    ".csv": write_csv,
    ".tsv": write_tsv,
}


def outcome(table: Columns, suffix: str, **options: Any) -> tuple[str, Any]:
    """The kind and what the samples hold in order, or the error."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"table{suffix}")
        WRITERS[suffix](table, file)
        try:
            data: Data = read(file, **options)
        except DataError as error:
            return "refused", str(error)
    return data.kind, {
        split: [named_pictures(s.roles) for s in samples] for split, samples in data.splits.items()
    }


def named_pictures(roles: dict[str, Any]) -> dict[str, Any]:
    """Roles with the names of files in place of paths, which differ by the folder."""
    return {role: value.name if isinstance(value, Path) else value for role, value in roles.items()}


def holds(columns: Columns, pattern: str) -> bool:
    """Whether a text or a name in the table has a match."""
    cells = [*columns, *(cell for values in columns.values() for cell in values)]
    return any(isinstance(cell, str) and re.search(pattern, cell) for cell in cells)


def cannot_hold(columns: Columns, suffix: str) -> bool:
    """Whether the form has no way to write the table; JSON and Parquet hold any.

    TSV has no quotes, so a cell cannot contain tabs or line ends, and a row of one empty cell is a
    blank line. In CSV and TSV, NUL is not allowed, and a row equal to the header is taken for a
    header. Other differences that these tables cannot hold do not change the samples: a number and
    its digits are read alike, and so are an empty and a missing cell.
    """
    if suffix not in (".csv", ".tsv"):
        return False
    is_blank = len(columns) == 1 and any(
        not str(cell or "").strip() for cell in next(iter(columns.values()))
    )
    is_header = list(columns) in [
        list(map(str, row)) for row in zip(*columns.values(), strict=True)
    ]
    return (
        is_header
        or holds(columns, "\0")
        or (suffix == ".tsv" and (holds(columns, "[\t\r\n]") or is_blank))
    )


def is_refusal_of_quotes(columns: Columns, suffix: str, found: tuple[str, Any]) -> bool:
    """Whether a cell is refused because each of its lines looks like a row.

    Then its quotes may be a mistake.
    """
    return (
        suffix == ".csv"
        and holds(columns, "[\r\n]")
        and found[0] == "refused"
        and "would be one row" in found[1]
    )


def check_forms(table: Columns, **options: Any) -> None:
    """Every form gives what JSON lines give, or refuses where those are refused."""
    typed = outcome(table, ".jsonl", **options)
    filled = outcome({name: fill(values) for name, values in table.items()}, ".jsonl", **options)
    for suffix, expected in {
        ".json": typed,
        ".parquet": typed,
        ".csv": filled,
        ".tsv": filled,
    }.items():
        if cannot_hold(table, suffix):
            continue
        header = (
            {"header": True} if suffix in (".csv", ".tsv") else {}
        )  # a column may hold its own name
        found = outcome(table, suffix, **header, **options)
        if expected[0] == "refused":
            assert found[0] == "refused", (suffix, expected, found)
        elif not is_refusal_of_quotes(table, suffix, found):
            assert found == expected, (suffix, expected, found)


def fill(values: list[Any]) -> list[Any]:
    """Replace missing texts by empty ones, since a delimited table cannot separate them."""
    if all(isinstance(value, str | None) for value in values):
        return ["" if value is None else value for value in values]
    return values


TELLING = (
    "", " ", "nan", "NaN", "null", "None", "NA", "1", "1.0", "1.50", "007", "-0", "1e5", "1_000",
    "0x1F", "inf", "true", "FALSE", "[1]", "['a', 'b']", "[", "a|b", "a;b", "a,b", "a b", '"',
    'x"y', '"quoted"', "it's", "\\", "\n", "a\r\nb", "\ufeff", "\u2028", "\x1f", "\x85", "x.png",
    "=1+1", "text", "label", "train", "test", "pos", "neg", "B-PER", "O",
)  # fmt: skip
"""Texts that a reader may take for something else."""
SENTENCES = [
    "one day",
    "a green tree, and more",
    'she said "no"',
    "naïve 日本語",
    "it is a long sentence; really",
    "two\tparts",
    "x y z",
]
texts = st.one_of(
    st.sampled_from(SENTENCES),
    st.sampled_from(SENTENCES),
    st.sampled_from(TELLING),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
whole_numbers = st.one_of(st.integers(-3, 30), st.integers(-(2**63), 2**63 - 1))
fractions = st.one_of(
    st.sampled_from([0.0, 1.0, -0.0, 0.5, 1e22]), st.floats(allow_nan=False, allow_infinity=False)
)
classes = st.sampled_from(["pos", "neg"])
printed_lists = st.sampled_from(
    ["['a', 'b']", "['a']", "[]", "[0, 1]", "[{'start': 0, 'end': 1, 'label': 'x'}]"]
)
any_cells = st.sampled_from([texts, classes, printed_lists, whole_numbers, fractions])
USUAL = {
    **dict.fromkeys(
        ("label", "a", "b", "c", "label_name"),
        st.sampled_from([classes, st.integers(0, 1), st.sampled_from([0.0, 1.0])]),
    ),
    **dict.fromkeys(("score", "value"), st.sampled_from([fractions, whole_numbers])),
    **dict.fromkeys(("id", "group"), st.sampled_from([st.integers(0, 40), texts, fractions])),
    "context": st.just(st.sampled_from(["a b c", "b\na", "a"])),
    "answer": st.just(st.sampled_from(["a", "", "a"])),
    "answer_start": st.just(st.sampled_from([0, 2])),
    "tokens": st.just(st.just("['a', 'b']")),
    "tags": st.just(st.sampled_from(["['O', 'B-PER']", "['O', 'O']", "[0, 1]"])),
    "entities": st.just(st.sampled_from(["[]", "[[0, 1, 'x']]"])),
    "split": st.just(st.sampled_from(["train", "test"])),
    "tag": st.just(st.sampled_from(["B-PER", "O"])),
    "image": st.just(st.sampled_from(["a.png", "b.jpg"])),
}
"""Name of a column -> the cells that such a column mostly has; other columns have texts."""
NAMES = (
    "text", "label", "label_name", "title", "sentence1", "sentence2", "source", "target", "summary",
    "document", "question", "context", "answer", "tokens", "tags", "prompt", "completion",
    "passage", "score", "value", "id", "group", "split", "image", "x",
)  # fmt: skip


TOGETHER = (
    ["text", "label", "group"], ["text", "label", "split"], ["id", "text", "label", "label_name"],
    ["title", "text", "label"], ["sentence1", "sentence2", "label"],
    ["sentence1", "sentence2", "score"], ["text", "score"], ["source", "target"],
    ["document", "summary"], ["question", "context", "answer"],
    ["question", "context", "answer", "answer_start", "id"], ["tokens", "tags"],
    ["text", "tokens", "tags", "group"], ["text", "entities"], ["prompt", "completion"],
    ["passage"], ["word", "tag"], ["image", "label"], ["text", "a", "b", "c"],
)  # fmt: skip
"""Names of columns that mean something together."""


@st.composite
def tables(draw: st.DrawFn, names: st.SearchStrategy[list[str]]) -> Columns:
    """Columns of texts, whole numbers or fractions, each with missing cells or without."""
    size = draw(st.sampled_from([1, 2, 3, 5, 8, 24]))
    columns = {}
    for name in draw(names):
        values = draw(
            any_cells if draw(st.integers(0, 5)) == 0 else USUAL.get(name, st.just(texts))
        )
        values = st.one_of(st.none(), values) if draw(st.integers(0, 5)) == 0 else values
        columns[name] = draw(st.lists(values, min_size=size, max_size=size))
    return columns


@PROFILE
@given(tables(st.just(["text", "label"])))
def test_texts_and_labels(columns: Columns) -> None:
    check_forms(columns, columns={"text": "text", "label": "label"})


@PROFILE
@given(tables(st.just(["text", "score"])))
def test_texts_and_numbers(columns: Columns) -> None:
    check_forms(columns, columns={"text": "text", "value": "score"})


@PROFILE
@given(
    tables(
        st.one_of(
            st.sampled_from(TOGETHER),
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        )
    )
)
def test_columns_that_are_guessed(columns: Columns) -> None:
    check_forms(columns)
    check_forms(columns, labels=False)
