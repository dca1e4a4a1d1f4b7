"""A training that gets no better ends early, with the best weights."""

from __future__ import annotations

import json

import pytest

from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feed import Feed
from tests.contracts.tiny import task_of, trained

WILD = "full-fine-tuning:lr=0.05,epochs=12"
"""A rate at which a tiny network soon gets worse."""


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
def test_the_best_weights_are_kept_and_no_more_is_trained(tmp_path, task_name, technique, patience, rank):
    model, *_ = trained(technique, task_name, tmp_path)
    found = [json.loads(line)["val"] for line in (tmp_path / "history.jsonl").read_text().splitlines()][1:]
    best = found.index(min(found, key=rank))
    assert len(found) == best + 1 + patience < 12
    task, data = task_of(task_name)
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, Engine("fp32").device)
    assert evaluate(model, feed, Engine("fp32")).loss == pytest.approx(found[best]["loss"], rel=1e-4)


def test_without_patience_all_is_trained(tmp_path):
    trained(WILD, "text-classification", tmp_path)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 13
