"""A column of splits with values that name none, and folders with files that are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graft.base.errors import DataError
from graft.data.load import read

SPLITS = ["train"] * 8 + ["val"] * 2 + ["test"] * 2


def write_table(folder: Path, splits: list[str], column: str = "split") -> Path:
    rows = [f"text {i},{'ab'[i % 2]},{split}" for i, split in enumerate(splits)]
    file = folder / "t.csv"
    file.write_text("\n".join([f"text,label,{column}", *rows]) + "\n", encoding="utf-8")
    return file


def write_pictures(folder: Path) -> None:
    for i in range(3):
        picture = np.full((8, 8, 3), 80 * i, np.uint8)
        Image.fromarray(picture).save(folder / f"{i}.png")


@pytest.mark.parametrize(
    ("value", "words"), [("tset", "1 row 'tset'"), ("", "1 row ''")], ids=["mistyped", "empty"]
)
def test_a_value_that_names_no_split_stops(tmp_path: Path, value: str, words: str) -> None:
    file = write_table(tmp_path, [*SPLITS, value])
    with pytest.raises(DataError, match="Splits are named train, val, test, unlabeled") as refused:
        read(file)
    assert words in str(refused.value) and "'split' of t.csv" in str(refused.value)


def test_a_column_that_is_asked_for_stops_too(tmp_path: Path) -> None:
    file = write_table(tmp_path, ["one", "two"] * 4, column="part")
    with pytest.raises(DataError, match="4 rows 'one', 4 rows 'two'"):
        read(file, columns={"split": "part"})


def test_a_column_of_other_words_is_no_column_of_splits(tmp_path: Path) -> None:
    file = write_table(tmp_path, ["blood", "test", "urine"] * 4, column="set")
    assert list(read(file).splits) == ["all"]


def test_pictures_beside_running_text_are_named(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    (tmp_path / "notes.txt").write_text("A day at the sea.\n", encoding="utf-8")
    (note,) = read(tmp_path).notes
    assert note == "3 files left out, they are not the running text: 0.png, 1.png, 2.png."


def test_pictures_beside_a_table_of_texts_are_named(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    write_table(tmp_path, SPLITS)
    notes = read(tmp_path).notes
    assert "3 files left out, they are other than the tables read: 0.png, 1.png, 2.png." in notes


def test_pictures_that_a_table_names_are_not_left_out(tmp_path: Path) -> None:
    write_pictures(tmp_path)
    rows = ["image,label", "0.png,a", "1.png,b", "2.png,a"]
    (tmp_path / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    data = read(tmp_path)
    assert data.notes == [] and len(data.splits["all"]) == 3
