"""A training that gets no better ends early, with the weights of the lowest validation loss."""

from __future__ import annotations

import json

import pytest

from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feed import Feed
from tests.contracts.tiny import task_of, trained

WILD = "full-fine-tuning:lr=0.05,epochs=12"
"""A rate at which a tiny network soon gets worse."""


@pytest.mark.parametrize(
    ("technique", "patience"), [(WILD, 2), (f"{WILD},patience=1", 1)], ids=["the task's own", "the technique's"]
)
def test_the_best_weights_are_kept_and_no_more_is_trained(tmp_path, technique, patience):
    model, *_ = trained(technique, "question-answering", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    losses = [row["val"]["loss"] for row in rows][1:]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + patience < 12
    task, data = task_of("question-answering")
    feed = Feed.of(data.splits["val"], task, model.backbone.preprocess, Engine("fp32").device)
    assert evaluate(model, feed, Engine("fp32")).loss == pytest.approx(losses[best], rel=1e-4)


def test_without_patience_all_is_trained(tmp_path):
    trained(WILD, "text-classification", tmp_path)
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 13
