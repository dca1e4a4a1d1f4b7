"""Predictions for exactly the given inputs.

A mistyped path is no text, skipped files are reported, and columns are found or named.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import graft
from graft.cli.main import app
from graft.deploy.predictions import write_rows
from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

TEXTS = [f"the words of a {'good' if i % 2 else 'dull'} text, number {i}" for i in range(30)]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a tiny network that reads texts."""
    folder = tmp_path_factory.mktemp("words")
    rows = "".join(f'"{text}",{"pos" if i % 2 else "neg"}\n' for i, text in enumerate(TEXTS))
    (folder / "data.csv").write_text("text,label\n" + rows)
    run = [
        "fit",
        str(folder / "data.csv"),
        "-b",
        "tiny:bert",
        "-t",
        "feature-extraction",
        "-o",
        str(folder / "run"),
        "-q",
    ]
    assert CliRunner().invoke(app, run).exit_code == 0
    return folder / "run"


def ids(graft: Graft, *arguments: object) -> list[str]:
    done = graft("predict", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return [row["id"] for row in json.loads(done.stdout)]


def test_the_name_of_a_file_that_is_not_there_is_no_text(graft: Graft, words: Path) -> None:
    assert_refused(
        graft("predict", words, "new/reviews.csv"), "No such file or folder: new/reviews.csv"
    )
    assert ids(graft, words, "and/or", "another") == ["text:1", "text:2"]


def test_files_that_are_left_out_are_said(graft: Graft, run: Path) -> None:
    Path("new").mkdir()
    for name in ("0.jpg", "1.jpg"):
        shutil.copy(run.parent / "photos" / "ant" / name, "new")
    Path("new/phone.heic").write_bytes(b"\0" * 64)
    Path("new/notes.doc").write_bytes(b"\0" * 64)
    done = graft("predict", run, "new", "--json")
    assert len(json.loads(done.stdout)) == 2
    assert "ending in .heic cannot be read here, turn them into JPEG: phone.heic" in done.stderr
    assert "1 file left out, they are not images: notes.doc" in done.stderr


def test_all_broken_pictures_are_named_and_the_others_predicted_when_asked(
    graft: Graft, run: Path
) -> None:
    shutil.copytree(run.parent / "photos" / "ant", "new")
    for name in ("2.jpg", "7.jpg"):
        Path("new", name).write_bytes(Path("new", name).read_bytes()[:200])
    assert_refused(
        graft("predict", run, "new"), "2 of 12 inputs", "2.jpg", "7.jpg", "--skip-broken"
    )
    done = graft("predict", run, "new", "--skip-broken", "--json")
    assert len(json.loads(done.stdout)) == 10
    assert "Left out, since they cannot be read: 2.jpg, 7.jpg." in done.stderr


def test_nothing_is_predicted_where_every_picture_is_broken(graft: Graft, run: Path) -> None:
    Path("new.jpg").write_bytes(b"no picture")
    assert_refused(graft("predict", run, "new.jpg", "--skip-broken"), "1 of 1 inputs", "new.jpg")


def test_a_prediction_of_several_parts_is_json_in_a_csv(tmp_path: Path) -> None:
    rows = [{"id": "a", "prediction": {"share": 0.5}}, {"id": "b", "prediction": [{"label": "x"}]}]
    write_rows(tmp_path / "rows.csv", rows)
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        cells = [json.loads(row["prediction"]) for row in csv.DictReader(file)]
    assert cells == [row["prediction"] for row in rows]


def test_each_of_several_tasks_has_a_column_in_a_csv(tmp_path: Path) -> None:
    row = {"id": "a", "prediction": {"tone": "fine", "stars": 4.5}, "confidences": {"tone": 0.9}}
    write_rows(tmp_path / "rows.csv", [row], ["tone", "stars"])
    with open(tmp_path / "rows.csv", encoding="utf-8", newline="") as file:
        (read,) = csv.DictReader(file)
    assert read == {"id": "a", "tone": "fine", "tone confidence": "0.9", "stars": "4.5"}


def test_a_model_that_finds_nothing_in_a_picture_has_nothing_to_draw(
    graft: Graft, run: Path
) -> None:
    photo = run.parent / "photos" / "ant" / "0.jpg"
    assert_refused(
        graft("predict", run, photo, "--draw", "drawn"), "image-classification", "--draw"
    )
    assert not Path("drawn").exists()


def test_the_column_that_the_task_reads_is_found_or_named(graft: Graft, words: Path) -> None:
    rows = [f'{i},user{i},{text[:12]},"{text}"' for i, text in enumerate(TEXTS)]
    Path("new.csv").write_text("Id,UserId,Summary,Text\n" + "\n".join(rows))
    expected = json.loads(graft("predict", words, *TEXTS, "--json").stdout)
    (found, named) = (
        json.loads(graft("predict", words, "new.csv", *asked, "--json").stdout)
        for asked in ((), ("--columns", "text=Summary"))
    )
    assert [row["prediction"] for row in found] == [row["prediction"] for row in expected]
    assert [row["confidence"] for row in found] != [row["confidence"] for row in named]


def test_a_column_of_pandas_is_a_list_of_texts(words: Path) -> None:
    assert len(graft.load(words).predict(pd.Series(TEXTS))) == 30
