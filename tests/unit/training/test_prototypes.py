"""Prototypes as a linear head: scikit-learn's nearest centroid, and the paper's probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from graft.base.errors import BadValue, DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.studies.run import build_model
from graft.tasks.text_classification import TextClassification
from graft.techniques.specs.combine import parse
from graft.techniques.specs.places import head_only, select
from graft.techniques.technique import Objective
from graft.training import optim
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix
from graft.training.observers import Observer
from graft.training.solvers import prototypes
from tests.contracts.tiny import task_of, trained

TASKS = ("image-classification", "text-classification")


def _probe(task, data: Data, backbone: str, recorded: bool = True) -> tuple[Objective, Feed]:
    """A frozen network with a linear head, and its training examples, behind a recording or not."""
    engine = Engine("fp32")
    model = engine.place(build_model(backbone, task, pretrained=True, seed=0))
    optim.freeze(
        model,
        select(model, head_only),
        "frozen",
    )
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device, 8, views=1)
    return Objective(model, task), frozen_prefix.find(model, feed, engine).record(
        feed, Observer()
    ) if recorded else feed


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("name", TASKS)
def test_decisions_are_those_of_the_nearest_centroid(name, recorded):
    task, data = task_of(name)
    objective, feed = _probe(
        task, data, "tiny:efficientnet" if name == TASKS[0] else "tiny:bert", recorded
    )
    head = objective.model.backbone.linear
    features = np.concatenate(
        [
            objective.model(b).features.detach().numpy()
            for b in feed.stream([[i] for i in range(20)])
        ]
    )
    whole = (
        _probe(task, data, objective.model.backbone.name)[1]
        .recorded.read(range(len(feed.pieces)))[0]
        .double()
        .numpy()
    )
    centroids = NearestCentroid().fit(whole, feed.task.targets(feed.pieces))
    logits = {}
    for number, solution in enumerate(prototypes.path(objective, head, feed)):
        logits[number] = head(torch.from_numpy(features)).detach().double()
        assert (logits[number].argmax(1).numpy() == centroids.predict(features)).all()
        squares = ((features[:, None] - centroids.centroids_) ** 2).sum(2) / solution.chosen[
            "temperature"
        ]
        expected = torch.from_numpy(-squares).softmax(1)
        torch.testing.assert_close(logits[number].softmax(1), expected.double(), rtol=0, atol=2e-3)
    assert len(logits) == len(prototypes.TEMPERATURES)


def test_of_several_labels_each_is_the_nearer_of_two_means():
    task, data = _several()
    objective, feed = _probe(task, data, "tiny:bert")
    head = objective.model.backbone.linear
    features, targets = (
        feed.recorded.read(range(len(feed.pieces)))[0].double().numpy(),
        feed.task.targets(feed.pieces),
    )
    next(prototypes.path(objective, head, feed))
    found = head(torch.from_numpy(features).float()).detach().numpy() > 0
    for label in range(3):
        assert (
            found[:, label] == NearestCentroid().fit(features, targets[:, label]).predict(features)
        ).all()


def test_the_temperature_of_least_validation_loss_is_kept(tmp_path):
    import json

    trained("nearest-prototypes", "image-classification", tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()][1:]
    best = min(rows, key=lambda row: row["val"]["loss"])
    assert rows[-1]["temperature"] == best["temperature"]
    assert rows[-1]["val"] == pytest.approx(best["val"])


def test_without_room_for_a_recording_it_comes_to_the_same(tmp_path, monkeypatch):
    behind, _ = trained("nearest-prototypes", "text-classification", tmp_path / "behind")
    monkeypatch.setenv("GRAFT_CACHE_GB", "0")
    whole, position = trained("nearest-prototypes", "text-classification", tmp_path / "whole")
    assert not position.cache["used"]
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(
            behind.state_dict()[name], tensor, rtol=1e-4, atol=1e-5, msg=name
        )


def test_a_class_without_an_example_is_an_error():
    task, data = task_of("image-classification")
    objective, feed = _probe(
        replace(task, classes=(*task.classes, "unicorn")), data, "tiny:efficientnet"
    )
    with pytest.raises(DataError, match=r"none for: unicorn"):
        next(prototypes.path(objective, objective.model.backbone.linear, feed))


@pytest.mark.parametrize("backbone", ["tiny:distilbert", "tiny:gpt2"])
def test_a_head_that_cannot_hold_them_is_refused(backbone):
    task, _ = task_of("text-classification")
    model = build_model(backbone, task, pretrained=True, seed=0)
    with pytest.raises(BadValue, match=f"linear layer with biases, and that of {backbone}"):
        parse("nearest-prototypes").objective(model, task)


def _several() -> tuple[TextClassification, Data]:
    data = TextClassification.tiny_data()
    labels = {"food": ("food",), "sport": ("sport", "sky"), "sky": ("sky",)}
    splits = {
        split: [Sample(s.id, {**s.roles, "label": labels[s.roles["label"]]}) for s in samples]
        for split, samples in data.splits.items()
    }
    several = Data(splits, "several labels")
    return TextClassification.from_data(several), several
