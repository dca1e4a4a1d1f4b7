"""Damaged files of runs and studies: the message names the file, what is in it, and what to do."""

from __future__ import annotations

import json
import shutil

import pytest

from graft import api
from graft.base.errors import FolderError
from graft.reports.read import read
from tests.unit.studies.tiny_runs import DATA

ASKED = {"backbones": ["tiny:cnn"], "seeds": 1, "epochs": 1, "jobs": 1}
DAMAGE = {
    "cut": (lambda text: text[: len(text) // 2], "cannot be read"),
    "empty": (lambda text: "", "cannot be read"),
    "null": (lambda text: "null", "holds null"),
    "bare": (lambda text: "{}", "lacks '|holds an object where a list"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    api.compare(DATA, ["bitfit"], out=folder / "study", **ASKED)
    api.fit(DATA, "tiny:cnn", "bitfit", epochs=1, out=folder / "run")
    return folder


@pytest.fixture
def study(finished, tmp_path):
    shutil.copytree(finished / "study", tmp_path / "study")
    return tmp_path / "study"


@pytest.fixture
def run(finished, tmp_path):
    shutil.copytree(finished / "run", tmp_path / "run")
    return tmp_path / "run"


def damage(path, how) -> str:
    """Damage the file; returns what the message says of it."""
    change, words = DAMAGE[how]
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    return words


def assert_refused(act, path, words):
    with pytest.raises(FolderError, match=words) as refused:
        act()
    assert str(path) in str(refused.value)
    assert "Delete " in str(refused.value)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["study.json", "baselines.json"])
def test_a_damaged_file_of_a_study_is_named(study, name, how):
    words = damage(study / name, how)
    assert_refused(lambda: api.open_study(study), study / name, words)
    assert_refused(lambda: api.resume(study, data=DATA), study / name, words)
    assert_refused(lambda: api.compare(DATA, ["bitfit"], out=study, **ASKED), study / name, words)
    (study / name).unlink()
    api.compare(DATA, ["bitfit"], out=study, **ASKED)


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_findings_are_named_and_found_again(study, how):
    words = damage(study / "findings.json", how)
    assert_refused(lambda: api.open_study(study), study / "findings.json", words)
    api.compare(DATA, ["bitfit"], out=study, **ASKED)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["spec.json", "result.json"])
def test_a_damaged_file_of_a_run_is_named(run, name, how):
    words = damage(run / name, how)
    assert_refused(lambda: api.open_study(run), run / name, words)
    assert_refused(lambda: api.resume(run, data=DATA), run / name, words)


@pytest.mark.parametrize("how", DAMAGE)
def test_a_run_goes_on_behind_a_damaged_status(run, how):
    damage(run / "status.json", how)
    (run / "result.json").rename(run / "kept.json")
    assert api.open_study(run).rows[0]["state"] == "interrupted"
    api.resume(run, data=DATA)
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


@pytest.mark.parametrize("how", DAMAGE)
def test_a_finished_run_with_a_damaged_status_is_finished(run, how):
    damage(run / "status.json", how)
    before = (run / "result.json").read_bytes()
    api.resume(run, data=DATA)
    assert (run / "result.json").read_bytes() == before
    assert json.loads((run / "status.json").read_text())["state"] == "finished"


def test_a_line_of_history_that_is_no_object_is_left_out(run):
    lines = (run / "history.jsonl").read_text().splitlines()
    (run / "history.jsonl").write_text("\n".join([*lines, "null", "7"]) + "\n")
    assert lines
    assert read(run).runs[0].history == [json.loads(line) for line in lines]
