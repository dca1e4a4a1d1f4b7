"""Small data for a first try."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graft
from graft import datasets
from graft.base.errors import BackboneError, BadValue, FolderError, UnknownName


def test_digits_are_all_there_and_none_is_in_both_splits(tmp_path: Path) -> None:
    arrays = np.load(datasets.write_digits(tmp_path))
    assert arrays["x_train"].shape == (1497, 8, 8)
    assert arrays["x_test"].shape == (300, 8, 8)
    assert arrays["x_train"].max() == 255
    assert set(arrays["y_test"]) == set(range(10))


def test_questions_of_the_same_words_are_one() -> None:
    assert datasets._words("Will you die?") == datasets._words("will you  die")


def read_questions(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The questions with their topics by split; skips where the corpus cannot be fetched."""
    try:
        written = datasets.write_questions(folder)
    except BackboneError as error:
        pytest.skip(str(error))
    return {
        f.stem: [tuple(row) for row in csv.reader(f.read_text("utf-8").splitlines())][1:]
        for f in written.glob("*.csv")
    }


def test_the_questions_are_527_of_five_topics(tmp_path: Path) -> None:
    splits = read_questions(tmp_path)
    rows = [row for split in splits.values() for row in split]
    assert len(rows) == 527
    assert {topic for _, topic in rows} == set(datasets.TOPICS)
    assert len({datasets._words(text) for text, _ in rows}) == 527
    assert ("What is AI?", "ai") in splits["train"]


def test_made_up_samples_are_those_of_the_task() -> None:
    samples = graft.datasets.make_samples("translation").splits["train"]
    assert {tuple(sample.roles) for sample in samples} == {("source", "target")}


def test_a_task_that_does_not_exist_is_an_error_with_the_names_of_all() -> None:
    with pytest.raises(UnknownName, match="translation"):
        datasets.make_samples("translating")


@pytest.mark.parametrize("write", [datasets.write_questions, datasets.write_digits])
def test_what_is_no_folder_is_refused(write: Callable[[object], Path]) -> None:
    with pytest.raises(BadValue, match=r"folder must be a path\. Got 5 instead"):
        write(5)


def test_something_else_where_the_data_are_to_be_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "questions").write_text("mine")
    (tmp_path / "digits.npz").write_text("mine")
    with pytest.raises(FolderError, match="questions exists and is something else: it holds no tr"):
        datasets.write_questions(tmp_path)
    with pytest.raises(FolderError, match="exists and is something else: it holds no x_train"):
        datasets.write_digits(tmp_path)
    assert (tmp_path / "questions").read_text() == (tmp_path / "digits.npz").read_text() == "mine"
    (tmp_path / "other" / "questions").mkdir(parents=True)
    with pytest.raises(FolderError, match=r"it holds no train\.csv and no test\.csv"):
        datasets.write_questions(tmp_path / "other")


@pytest.mark.parametrize("task", [5, None, ""])
def test_a_task_that_is_no_name_is_refused(task: object) -> None:
    with pytest.raises(BadValue, match="task must be a text that is not empty"):
        datasets.make_samples(task)
