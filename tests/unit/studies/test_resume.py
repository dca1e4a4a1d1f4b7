"""What a run or a study takes from its folder when it goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from graft.studies.run import execute
from graft.studies.spec import RunSpec
from graft.studies.study import Question, run_study
from graft.training.observers import Observer
from tests.unit.studies import tiny_runs
from tests.unit.studies.tiny_runs import DATA

SPEC = replace(tiny_runs.SPEC, technique="full-fine-tuning", epochs=2)


class Threads(Observer):
    """Notes with how many threads a run computes, and stops it there if asked."""

    def __init__(self, stop: bool = False):
        self.stop, self.threads = stop, 0

    def phases(self, names):
        self.threads = torch.get_num_threads()
        if self.stop:
            raise KeyboardInterrupt


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_a_run_goes_on_with_the_threads_it_began_with(tmp_path, two_threads):
    with pytest.raises(KeyboardInterrupt):
        execute(SPEC, DATA, tmp_path, Threads(stop=True))
    torch.set_num_threads(1)
    resumed = Threads()
    execute(SPEC, DATA, tmp_path, resumed)
    assert resumed.threads == 2
    assert json.loads((tmp_path / "spec.json").read_text())["threads"] == 2
    assert torch.get_num_threads() == 1  # it leaves the process as it was


def test_threads_are_no_other_question(tmp_path):
    assert "threads" not in SPEC.__dataclass_fields__
    assert RunSpec.from_json({**SPEC.to_json(), "threads": 8}).hash == SPEC.hash


def test_a_study_goes_on_with_the_threads_it_began_with(tmp_path):
    question = Question(SPEC, ("bitfit",), (SPEC.backbone,), (0,), (1.0,), "graft compare tiny")
    about = {**question.to_json(), "jobs": 4, "threads": 3}  # as on a machine with twelve cores
    (tmp_path / "study.json").write_text(json.dumps(about))
    run_study(question, DATA, tmp_path, 1, Observer())
    specs = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/spec.json")]
    assert [spec["threads"] for spec in specs] == [3, 3]
    assert json.loads((tmp_path / "study.json").read_text())["threads"] == 3


def test_a_run_killed_after_its_result_was_written_is_closed(tmp_path):
    execute(SPEC, DATA, tmp_path, Observer(), checkpoint_seconds=0)
    (tmp_path / "status.json").write_text('{"state": "running", "message": ""}')
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.safetensors").write_bytes(b"")
    execute(SPEC, DATA, tmp_path, Observer())
    assert json.loads((tmp_path / "status.json").read_text())["state"] == "finished"
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_that_goes_on_removes_what_a_killed_process_left_half_written(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        execute(SPEC, DATA, tmp_path, Threads(stop=True))
    (tmp_path / ".model.4711.part").mkdir()
    (tmp_path / ".model.4711.part" / "model.safetensors").write_bytes(b"half")
    (tmp_path / ".predictions.parquet.4711.part").write_bytes(b"half")
    execute(replace(SPEC), DATA, tmp_path, Observer())
    assert [path.name for path in tmp_path.glob(".*.4711.*")] == []
