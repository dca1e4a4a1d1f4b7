from __future__ import annotations

from pathlib import Path

import pytest

from graft.base.errors import DataError, UnknownName
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import file_splits, split_of, splits_of
from graft.data.load import load_data, read


def test_what_is_not_there_or_not_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or folder"):
        read(tmp_path / "gone")
    with pytest.raises(DataError, match=r"is empty\. It should hold"):
        read(tmp_path)
    (tmp_path / "zero.csv").touch()
    with pytest.raises(DataError, match="empty \\(0 bytes\\)"):
        read(tmp_path / "zero.csv")
    (tmp_path / "zero.csv").unlink()
    (tmp_path / "thesis.pdf").write_bytes(b"%PDF")
    with pytest.raises(
        DataError,
        match=r"no known format: it holds thesis\.pdf\. Known formats: .*csv, .*parquet.*--format",
    ):
        read(tmp_path)
    with pytest.raises(DataError, match=r"it is a file ending in \.pdf"):
        read(tmp_path / "thesis.pdf")


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("data.zip", "unpack it"), ("data.tar.gz", "unpack it"), ("t.xlsx", "save it as .csv")],
)
def test_what_must_be_turned_into_data_first(tmp_path: Path, name: str, way_out: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match=way_out):
        read(tmp_path / name)


def test_a_mistyped_name_has_its_nearest(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("text,label\n")
    with pytest.raises(
        DataError, match=r"nearest existing folder: .*Did you mean '.*reviews\.csv'\?"
    ):
        read(tmp_path / "review.csv")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("spec.json", "a run folder"),
        ("study.json", "a study folder"),
        ("graft.json", "a model folder"),
    ],
)
def test_folders_of_ours_are_not_data(tmp_path: Path, file: str, what: str) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(DataError, match=what):
        read(tmp_path)


def test_unknown_format_and_source(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\na b,1\n")
    with pytest.raises(UnknownName, match="Did you mean 'csv'"):
        read(tmp_path, format="cvs")
    with pytest.raises(DataError, match="cannot be made of a int"):
        load_data(3)


def test_only_folders_without_images(tmp_path: Path) -> None:
    (tmp_path / "ants").mkdir()
    with pytest.raises(DataError, match="no known format: it holds ants/"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"),
        ("training_set", "train"),
        ("dev", "val"),
        ("Validation", "val"),
        ("test-data", "test"),
        ("unsup", "unlabeled"),
    ],
)
def test_names_of_splits(name: str, split: str) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize("name", ["cats", "trainer", "all", "latest", ""])
def test_names_of_no_split(name: str) -> None:
    assert split_of(name) is None


def test_names_of_files() -> None:
    assert file_splits(["train", "dev"]) == {"train": "train", "dev": "val"}
    assert file_splits(["sst.train", "sst.test"]) == {"sst.train": "train", "sst.test": "test"}
    assert file_splits(["train-00000-of-00002", "train-00001-of-00002"]) == dict.fromkeys(
        ["train-00000-of-00002", "train-00001-of-00002"], "train"
    )
    assert file_splits(["books_train", "films_test"]) is None
    assert file_splits(["reviews"]) is None
    assert splits_of(["eval", "test", "train", "cats"]) == {
        "eval": "val",
        "test": "test",
        "train": "train",
    }


def test_data_show_the_sizes_of_their_splits_and_no_samples() -> None:
    data = Data({"train": [Sample("a", {"text": "good", "label": "x"})], "test": []}, path="films")
    assert repr(data) == "Data('films', format='', kind='labels', train=1, test=0)"
