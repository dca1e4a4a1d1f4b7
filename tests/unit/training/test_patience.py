"""A training that gets no better ends early, with the best weights."""

from __future__ import annotations

import json

import pytest
import torch

from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import Stop, task_of, trained

WILD = "full-fine-tuning:lr=0.05,epochs=12"
"""A rate at which a tiny network soon gets worse."""


def rows(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def by_f1(val):
    return -val["answer_f1"], val["loss"]


def by_loss(val):
    return val["loss"]


@pytest.mark.parametrize(
    ("task_name", "technique", "patience", "rank"),
    [
        ("question-answering", WILD, 2, by_f1),
        ("question-answering", f"{WILD},patience=1", 1, by_f1),
        ("text-classification", f"{WILD},patience=2", 2, by_loss),
    ],
    ids=["the task's own", "the technique's", "by the loss"],
)
def test_the_best_weights_are_kept_and_no_more_is_trained(
    tmp_path, task_name, technique, patience, rank
):
    model, *_ = trained(technique, task_name, tmp_path)
    found = [row["val"] for row in rows(tmp_path)][1:]
    best = found.index(min(found, key=rank))
    assert len(found) == best + 1 + patience < 12
    task, data = task_of(task_name)
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, Engine("fp32").device)
    assert evaluate(model, feed, Engine("fp32")).loss == pytest.approx(
        found[best]["loss"], rel=1e-4
    )


def test_without_patience_all_is_trained(tmp_path):
    trained(WILD, "text-classification", tmp_path)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 13


@pytest.mark.parametrize("task_name", ["question-answering", "text-classification"])
def test_a_run_killed_after_it_stopped_early_trains_no_further(tmp_path, task_name):
    # checkpoint_seconds is 0, so the last checkpoint is from the stop of the phase, as if killed
    # during the evaluation of the test split.
    # evaluation. Patience 1 at this rate stops long before the twelfth epoch.
    technique = f"{WILD},patience=1"
    first, ended = trained(technique, task_name, tmp_path)
    again, resumed = trained(technique, task_name, tmp_path)
    assert (resumed.step, resumed.history) == (ended.step, ended.history)
    assert all(
        torch.equal(tensor, again.state_dict()[name]) for name, tensor in first.state_dict().items()
    )


def test_a_phase_that_stopped_early_is_not_trained_again_when_the_next_one_is_killed(tmp_path):
    technique = f"{WILD},patience=1 then lora:r=2,epochs=1"
    whole, ended = trained(technique, "text-classification", tmp_path / "whole")
    stopped = sum(row["phase"] == "fine-tuning" for row in rows(tmp_path / "whole")) - 2
    with pytest.raises(
        KeyboardInterrupt
    ):  # at the first line of the second part, before it has a checkpoint
        trained(technique, "text-classification", tmp_path / "cut", Stop(stopped))
    again, resumed = trained(technique, "text-classification", tmp_path / "cut")
    assert resumed.history == ended.history
    assert all(
        torch.equal(tensor, again.state_dict()[name]) for name, tensor in whole.state_dict().items()
    )
