"""Long texts from the command line: what is cut is told, and read whole where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Graft
from tests.cli.test_bad_input import assert_refused

FIT = ("-b", "tiny:bert", "-t", "feature-extraction", "--epochs", "1", "-q")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Texts of 10 and of 300 characters, of which a tiny network reads 126."""
    lines = ["text,label"]
    for number in range(60):
        word, long = ("ant", "bee")[number % 2], number % 3 == 0
        lines.append(f"{' '.join([word, str(number)] * (40 if long else 2))},{word}")
    path = tmp_path / "letters.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_texts_that_are_cut_are_told(graft: Graft, letters: Path) -> None:
    done = graft("fit", letters, *FIT, "-o", "run")
    assert done.exit_code == 0, done.output
    data = json.loads(Path("run/result.json").read_text())["data"]
    assert sum(data["cut"].values()) == 20
    assert f"{data['cut']['train']} of {data['counts']['train']} train" in done.stdout
    graft("report", "run")
    assert (
        "samples are longer than the network reads, and are cut."
        in Path("run/report.md").read_text()
    )


def test_nothing_is_said_where_nothing_is_cut(graft: Graft, letters: Path) -> None:
    letters.write_text(
        "\n".join(line for line in letters.read_text().splitlines() if len(line) < 100)
    )
    done = graft("fit", letters, *FIT, "-o", "run")
    assert set(json.loads(Path("run/result.json").read_text())["data"]["cut"].values()) == {0}
    assert "cut" not in done.stdout


def test_long_texts_are_read_whole_where_that_is_asked_for(graft: Graft, letters: Path) -> None:
    task = "text-classification:long=windows"
    done = graft("fit", letters, *FIT, "--task", task, "-o", "run")
    assert done.exit_code == 0, done.output
    assert "and are cut" not in done.stdout
    assert json.loads(Path("run/spec.json").read_text())["task"] == task
    card = json.loads(Path("run/model/graft.json").read_text())
    assert (card["task"], card["task_settings"]["long"]) == ("text-classification", "windows")
    rows = json.loads(graft("predict", "run", "ant " * 200, "bee", "--json").stdout)
    assert len(rows) == 2
    assert json.loads(graft("check", letters, "--task", task, "--json").stdout)["task"] == task
    assert "long=head" in graft("info", "text-classification").stdout


def test_options_that_a_task_does_not_have_are_refused(graft: Graft, letters: Path) -> None:
    assert_refused(
        graft("fit", letters, *FIT, "--task", "text-classification:long=tail", "-o", "run"),
        "'head+tail'",
        "'tail'",
    )
    assert_refused(
        graft("fit", letters, *FIT, "--task", "text-classification:lang=en", "-o", "run"),
        "'lang'",
        "'long'",
    )
    assert_refused(graft("check", letters, "--task", "question-answering:long=windows"), "'long'")
    assert not Path("run").exists()
