"""Two processes that ask for the same folder at once: the second is refused and changes nothing."""

from __future__ import annotations

import json

import pytest
from filelock import FileLock

from graft import api
from graft.base.errors import FolderError
from graft.studies.study import Question, run_study
from graft.training.observers import Observer
from tests.unit.studies.tiny_runs import DATA, SPEC

ASKED = {"backbones": ["tiny:cnn"], "seeds": 1, "epochs": 1, "jobs": 1}


def test_a_second_study_in_one_folder_is_refused_and_changes_nothing(tmp_path):
    class Second(Observer):
        refused = 0

        def study_event(self, *event):
            before = (tmp_path / "study.json").read_bytes()
            with pytest.raises(FolderError, match="in use by process"):
                api.compare(DATA, ["bitfit"], out=tmp_path, **ASKED)
            with pytest.raises(FolderError, match="in use by process"):
                api.resume(tmp_path, data=DATA)
            assert (tmp_path / "study.json").read_bytes() == before
            self.refused += 1

    observer = Second()
    api.compare(DATA, ["full-fine-tuning"], out=tmp_path, observer=observer, **ASKED)
    assert observer.refused == 2
    states = [json.loads(path.read_text())["state"] for path in tmp_path.glob("runs/*/status.json")]
    assert states == ["finished", "finished"]


def test_a_run_that_another_process_works_on_is_not_written_failed(tmp_path):
    question = Question(
        SPEC, ("from-scratch",), (SPEC.backbone,), (0,), (1.0,), "graft compare tiny"
    )
    (spec,) = question.runs()
    folder = tmp_path / "runs" / spec.hash
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"state": "running", "message": ""}')

    class Events(Observer):
        def __init__(self):
            self.seen = ()

        def study_event(self, *event):
            self.seen = event

    events = Events()
    with FileLock(folder / ".lock"):
        run_study(question, DATA, tmp_path, 1, events)
    assert str(folder) in str(events.seen)
    assert json.loads((folder / "status.json").read_text())["state"] == "running"
