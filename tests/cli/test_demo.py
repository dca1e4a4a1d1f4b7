"""The data that `graft demo` compares on, and the demo itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from graft.base.errors import BackboneError
from graft.cli import demo
from tests.cli.conftest import Graft


def test_digits_are_all_there_and_none_is_in_both_splits(tmp_path: Path) -> None:
    arrays = np.load(demo.write_digits(tmp_path))
    assert arrays["x_train"].shape == (1497, 8, 8)
    assert arrays["x_test"].shape == (300, 8, 8)
    assert arrays["x_train"].max() == 255
    assert set(arrays["y_test"]) == set(range(10))


def test_questions_of_the_same_words_are_one() -> None:
    assert demo._words("Will you die?") == demo._words("will you  die")


def questions(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The questions with their topics by split; skips where the corpus cannot be fetched."""
    try:
        written = demo.write_questions(folder)
    except BackboneError as error:
        pytest.skip(str(error))
    return {
        f.stem: [tuple(row) for row in csv.reader(f.read_text("utf-8").splitlines())][1:]
        for f in written.glob("*.csv")
    }


def test_the_questions_are_527_of_five_topics(tmp_path: Path) -> None:
    splits = questions(tmp_path)
    rows = [row for split in splits.values() for row in split]
    assert len(rows) == 527
    assert {topic for _, topic in rows} == set(demo.TOPICS)
    assert len({demo._words(text) for text, _ in rows}) == 527
    assert ("What is AI?", "ai") in splits["train"]


@pytest.mark.slow
def test_the_demo_wins_once_and_loses_once(graft: Graft, tmp_path: Path) -> None:
    questions(tmp_path)
    done = graft("demo", "--json", "-q")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["questions"]["verdict"]["outcome"] == "positive transfer"
    assert found["questions"]["verdict"]["against_baseline"] == "better"
    assert found["digits"]["verdict"]["against_baseline"] == "worse"
    assert all(Path(study["report"]).exists() for study in found.values())
