"""A run's time is estimated from a few examples: training, recording, solving and generation."""

from __future__ import annotations

import math

import pytest

from graft.studies.run import estimate_run, execute
from graft.studies.spec import RunSpec
from graft.training.frozen import recording
from graft.training.loop import estimate
from graft.training.observers import Observer
from tests.contracts.tiny import TINY, task_of


def spec(task, technique, data):
    described = {"path": "tiny", "hash": data.fingerprint(), "format": "", "options": {}}
    return RunSpec(described, task, TINY[task], technique, epochs=2)


@pytest.mark.parametrize(
    ("task", "technique"),
    [
        ("text-classification", "full-fine-tuning"),
        ("text-classification", "lp-ft"),
        ("text-classification", "nearest-prototypes"),
        ("text-classification", "contrastive-few-shot"),
        ("image-classification", "partial-fine-tuning:views=1"),
        ("question-answering", "lora"),
        ("summarization", "lora"),
    ],
)
def test_training_and_evaluation_are_estimated(task, technique, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path)
    data = task_of(task)[1]
    run = estimate_run(spec(task, technique, data), data)
    assert run.phases
    assert all(math.isfinite(seconds) for seconds in run.recordings.values())
    assert 0 < run.training_seconds < math.inf
    assert 0 < run.evaluation_seconds < math.inf
    assert run.seconds == run.training_seconds + run.evaluation_seconds + run.other_seconds


@pytest.mark.parametrize(
    ("technique", "looked_at"),
    [("deep-clustering:epochs=9", "train"), ("full-fine-tuning", None)],
)
def test_what_is_read_before_each_epoch_counts(technique, looked_at, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path)
    data = task_of("image-classification")[1]
    seen = []

    def note(*arguments):
        seen.append(num_looked_at(*arguments))
        return seen[-1]

    num_looked_at = estimate._num_looked_at
    monkeypatch.setattr(estimate, "_num_looked_at", note)
    run = estimate_run(spec("image-classification", technique, data), data)
    assert seen == [9 * len(data.splits[looked_at]) if looked_at else 0]
    assert [phase.has_own_epochs for phase in run.phases] == [looked_at is not None]


def test_what_trains_nothing_takes_its_evaluation():
    data = task_of("text-generation")[1]
    run = estimate_run(spec("text-generation", "zero-shot", data), data)
    assert run.training_seconds == 0
    assert run.evaluation_seconds > 0


def test_nothing_is_recorded_below_a_pretrained_head_that_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")
    data = task_of("text-generation")[1]
    execute(spec("text-generation", "zero-shot", data), data, tmp_path / "run", Observer())
    assert not (tmp_path / "recordings").exists()


def test_a_recording_that_is_there_takes_no_time(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "home", lambda: tmp_path / "recordings")
    data = task_of("image-classification")[1]
    asked = spec("image-classification", "feature-extraction", data)
    before = estimate_run(asked, data)
    assert before.phases[0].recording_seconds > 0
    assert list(before.recordings) == ["head, 1"]
    execute(asked, data, tmp_path / "run", Observer())
    after = estimate_run(asked, data)
    assert after.phases[0].recording_seconds == 0
    assert after.recordings == {}


def test_texts_that_are_cut_short_to_time_them_are_no_warning(caplog):
    data = task_of("automatic-speech-recognition")[1]
    estimate_run(spec("automatic-speech-recognition", "zero-shot", data), data)
    assert caplog.text == ""
