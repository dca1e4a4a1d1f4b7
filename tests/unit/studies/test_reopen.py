"""A run that goes on from another working folder, or whose data have moved."""

from __future__ import annotations

import json

import pytest

from graft import api
from graft.base.errors import FolderError
from graft.studies.spec import RunSpec
from graft.training.observers import Observer

TEXTS = {"good": "what a fine day this is", "bad": "what a dreadful day it was"}
ROWS = ["text,label", *(f"{text} {n},{label}" for n in range(20) for label, text in TEXTS.items())]


class Stop(Observer):
    def epoch(self, row):
        raise KeyboardInterrupt


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """The folder of a run that was started from relative paths, and stopped."""
    (tmp_path / "home").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "home" / "texts.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "home" / "more.txt").write_text(
        "\n".join(f"some more words {n}" for n in range(30)) + "\n"
    )
    monkeypatch.chdir(tmp_path / "home")
    with pytest.raises(KeyboardInterrupt):
        api.fit(
            "texts.csv",
            "tiny:bert",
            "bitfit",
            epochs=1,
            out="run",
            unlabeled="more.txt",
            observer=Stop(),
        )
    return tmp_path / "home" / "run"


def test_a_run_goes_on_from_another_working_folder(stopped, monkeypatch):
    monkeypatch.chdir(stopped.parents[1] / "away")
    assert api.resume(stopped).result["status"] == "finished"


def test_a_run_goes_on_if_the_whole_folder_has_moved(stopped, monkeypatch):
    moved = stopped.parent.rename(stopped.parents[1] / "moved")
    monkeypatch.chdir(moved)
    assert api.resume("run").result["status"] == "finished"


def test_data_that_are_gone_are_named_with_where_they_were(stopped, monkeypatch):
    (stopped.parent / "texts.csv").unlink()
    monkeypatch.chdir(stopped.parents[1] / "away")
    with pytest.raises(FolderError) as refused:
        api.resume(stopped)
    for words in (
        "texts.csv",
        str(stopped),
        str(stopped.parent),
        str(stopped.parents[1] / "away"),
        "data=...",
    ):
        assert words in str(refused.value)


@pytest.mark.parametrize("options", [{"format": "zz"}])
def test_options_that_were_changed_are_named(stopped, options):
    about = json.loads((stopped / "spec.json").read_text())
    about["data"]["options"] = options
    (stopped / "spec.json").write_text(json.dumps(about))
    with pytest.raises(FolderError, match=r"spec\.json or study\.json under 'data\.options'"):
        api.resume(stopped)


def test_the_working_folder_is_no_other_question(stopped):
    about = json.loads((stopped / "spec.json").read_text())
    assert about["data"]["path"] == "texts.csv"
    elsewhere = {**about, "data": {**about["data"], "folder": "/elsewhere"}}
    assert RunSpec.from_json(elsewhere).hash == RunSpec.from_json(about).hash == about["hash"]
