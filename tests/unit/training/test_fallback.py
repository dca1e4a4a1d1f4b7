"""Fine-tuning that ends worse than it began, on validation, is undone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from graft.training.loop.trainer import Settings, train
from graft.training.observers import Observer
from tests.contracts.tiny import TINY, Stop, task_of

TASK = "image-classification"
RUINOUS = "lp-ft:lr=0.5,epochs=3"
"""A rate at which every step makes a tiny network worse."""
EXAMPLES = 50
"""The fewest validation examples with which a phase falls back."""
GENTLE = "lp-ft:lr=0.00001,epochs=3"


def data_with(examples):
    """The task's tiny data, whose validation examples recur until there are so many."""
    _, data = task_of(TASK)
    val = [replace(data.splits["val"][n % 9], id=f"val/{n}") for n in range(examples)]
    return data.with_splits(data.splits | {"val": val})


def fit(spec, folder, observer=None, examples=EXAMPLES):
    task, technique, engine = task_of(TASK)[0], parse(spec), Engine("fp32")
    folder.mkdir(parents=True, exist_ok=True)
    model = engine.place(build_model(TINY[TASK], task, pretrained=True, seed=0))
    settings = Settings(checkpoint_seconds=0.0)
    observer = observer or Observer()
    return train(model, task, technique, data_with(examples), settings, engine, folder, observer)


def validation(folder):
    """The validation values of fine-tuning in history.jsonl; the first are those of the probe."""
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [row["val"] for row in rows if row["phase"] == "fine-tuning"]


def accuracy(model):
    task = task_of(TASK)[0]
    val = data_with(EXAMPLES).splits["val"]
    feed = Feed.of(val, task, model.backbone.preprocess, Engine("fp32").device)
    result = evaluate(model, feed, Engine("fp32"))
    return task.metrics["accuracy"](result.scores, result.targets)


def test_lp_ft_is_not_worse_than_its_probe_on_validation(tmp_path):
    model, _ = fit(RUINOUS, tmp_path)
    probe, *_, last = validation(tmp_path)
    assert last["accuracy"] < probe["accuracy"]  # else there is nothing to undo
    assert accuracy(model) == probe["accuracy"]


def test_a_run_that_fell_back_says_so(tmp_path):
    _, position = fit(RUINOUS, tmp_path)
    assert len(position.warnings) == 1
    assert "'fine-tuning' ended with worse weights" in position.warnings[0]


def test_fine_tuning_that_is_no_worse_is_kept(tmp_path):
    probe, _ = fit("feature-extraction", tmp_path / "probe")
    model, position = fit(GENTLE, tmp_path / "both")
    before, after = probe.state_dict(), model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert position.warnings == []


@pytest.mark.parametrize(
    ("spec", "examples"), [(f"{RUINOUS},fallback=false", EXAMPLES), (RUINOUS, 49)]
)
def test_the_last_weights_are_kept_if_asked_for_or_if_validation_is_tiny(spec, examples, tmp_path):
    model, position = fit(spec, tmp_path, examples=examples)
    assert accuracy(model) == pytest.approx(validation(tmp_path)[-1]["accuracy"], abs=1 / 49)
    assert position.warnings == []


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_killed_run_falls_back_on_the_same_weights(tmp_path, epoch):
    whole, _ = fit(RUINOUS, tmp_path / "whole")
    lines = len((tmp_path / "whole" / "history.jsonl").read_text().splitlines())
    with pytest.raises(KeyboardInterrupt):
        fit(RUINOUS, tmp_path / "again", Stop(lines - 1 - epoch))
    again, _ = fit(RUINOUS, tmp_path / "again")
    weights = again.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in whole.state_dict().items())


def test_with_patience_the_probe_is_one_of_the_epochs_to_choose_from(tmp_path):
    model, _ = fit(f"{RUINOUS},patience=1", tmp_path)
    probe, *epochs = validation(tmp_path)
    assert len(epochs) == 1  # one without better weights ends it
    assert accuracy(model) == probe["accuracy"]
