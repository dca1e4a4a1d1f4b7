"""Several labels of a sample: in one cell, in a printed list, in columns of 0 and 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.load import read


def table(folder: Path, *lines: str) -> Path:
    (folder / "t.csv").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return folder / "t.csv"


def labels(data: Data) -> list[object]:
    return [sample.roles["label"] for sample in data.splits["all"]]


def test_three_columns_of_0_and_1_are_labels(tmp_path: Path) -> None:
    rows = [f"{i},the words of row {i},{i % 2},{i % 3 // 2},0" for i in range(12)] + [
        "12,more words,1,1,1"
    ]
    data = read(table(tmp_path, "id,comment_text,toxic,insult,threat", *rows))
    assert labels(data)[:6] == [(), ("toxic",), ("insult",), ("toxic",), (), ("toxic", "insult")]
    assert labels(data)[12] == ("toxic", "insult", "threat")
    assert (
        "columns 'toxic', 'insult', 'threat' of 0 and 1 are several labels a row" in data.notes[0]
    )
    assert labels(read(tmp_path / "t.csv", columns={"label": "toxic"}))[:3] == ["0", "1", "0"]
    assert labels(read(tmp_path / "t.csv", columns={"label": "insult+threat"}))[2] == ("insult",)


def test_two_columns_of_0_and_1_may_be_something_else(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "text,toxic,checked",
        *(f"the words of row {i},{i % 2},{i % 3 // 2}" for i in range(12)),
    )
    with pytest.raises(
        DataError, match=r"--columns label=toxic, or several at once: label=toxic\+checked"
    ):
        read(file)


def test_a_column_of_labels_holds_nothing_but_0_and_1(tmp_path: Path) -> None:
    file = table(tmp_path, "text,a,b", "one,0,1", "two,1,", "three,2,1")
    with pytest.raises(
        DataError, match=r"2 of 3 rows .*: t\.csv:3 \('b' is ''\), t\.csv:4 \('a' is '2'\)"
    ):
        read(file, columns={"text": "text", "label": "a+b"})


def test_cells_whose_parts_are_labels_of_other_cells_hold_several(tmp_path: Path) -> None:
    cells = ["sport", "world news; tech", "tech", "sport;world news", "world news"] * 2
    data = read(
        table(tmp_path, "text,label", *(f"words {i},{cell}" for i, cell in enumerate(cells)))
    )
    assert labels(data)[:4] == [
        ("sport",),
        ("world news", "tech"),
        ("tech",),
        ("sport", "world news"),
    ]
    assert any("'world news; tech' are several labels with ';'" in note for note in data.notes)
    whole = read(tmp_path / "t.csv", label_separator="")
    assert labels(whole)[3] == "sport;world news" and not any(
        "several labels" in note for note in whole.notes
    )


def test_long_lists_of_few_labels_hold_several_though_none_stands_alone(tmp_path: Path) -> None:
    cells = ["a|b", "b|c", "c|d", "d|a", "a|c", "b|d", "a|b|c", "b|c|d"]
    assert labels(
        read(table(tmp_path, "text,label", *(f"words {i},{c}" for i, c in enumerate(cells * 2))))
    )[6] == ("a", "b", "c")


@pytest.mark.parametrize(
    "cells",
    [["rock|pop", "jazz", "folk"], ["Smith, John", "Doe, Jane"], ["a/b", "a", "b"], ["x; y", "z"]],
)
def test_other_signs_within_labels_are_part_of_them(tmp_path: Path, cells: list[str]) -> None:
    file = table(
        tmp_path, "text,label", *(f'words {i},"{cell}"' for i, cell in enumerate(cells * 3))
    )
    assert read(file).classes == sorted(cells)


def test_printed_lists_are_several_labels(tmp_path: Path) -> None:
    file = table(tmp_path, "text,label", "one,\"['a', 'b']\"", "two,\"['b']\"", "three,[]")
    assert labels(read(file)) == [("a", "b"), ("b",), ()]
