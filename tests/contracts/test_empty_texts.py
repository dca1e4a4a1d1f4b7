"""Every task takes texts without a word: they are learned, predicted and measured as any others."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch

from graft.backbones.backbone import Model
from graft.base import plugins
from graft.base.records import Sample
from graft.data.kinds.kind import kind_named
from graft.studies.run import build_model
from graft.tasks.text.generation import Decoding
from graft.training.engine import Engine
from graft.training.evaluate import predict
from graft.training.feeds.feed import Feed
from tests.contracts.tiny import made_for, task_of

TASKS = [name for name in plugins.names("task") if plugins.load("task", name).reads == "text"]
NETWORKS = ("tiny:bert", "tiny:gpt2", "tiny:llama", "tiny:t5", "tiny:bart")
"""Tokenizers that mark the start and end of a text, some that do not, and encoder-decoders."""
CASES = [(task, name) for task in TASKS for name in NETWORKS if name in made_for(task)]


@cache
def model_of(task: str, network: str) -> Model:
    return build_model(network, task_of(task)[0], pretrained=True, seed=0)


def feed(task: str, model: Model, samples: list[Sample]) -> Feed:
    return Feed.of(samples, task_of(task)[0], model.backbone.preprocess, torch.device("cpu"))


def emptied(task: str, split: str = "train") -> list[Sample]:
    """Samples with what may be empty in data of the task's kind."""
    data = task_of(task)[1]
    blanks = kind_named(data.kind).blanks
    return [
        Sample(f"empty:{i}", {**data.splits[split][0].roles, **roles})
        for i, roles in enumerate(blanks)
    ]


@pytest.mark.parametrize("name", TASKS)
def test_the_kind_of_data_says_what_may_be_empty(name):
    assert emptied(name)


@pytest.mark.parametrize(("name", "network"), CASES)
def test_they_are_learned_alone_and_among_others(name, network):
    task, data = task_of(name)
    model = model_of(name, network).train()
    for samples in (
        ([sample] for sample in [*emptied(name)]),
        [[*emptied(name), data.splits["train"][1]]],
    ):
        for some in samples:
            found = feed(name, model, some)
            (batch,) = found.stream([list(range(len(found.pieces)))])
            model.zero_grad()
            loss = task.loss(model(batch), batch)
            loss.backward()
            assert torch.isfinite(loss), [sample.roles for sample in some]
            assert all(
                torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None
            )


@pytest.mark.parametrize(("name", "network"), CASES)
def test_they_are_measured_and_told(name, network):
    task, data = task_of(name)
    model = model_of(name, network)
    samples = [*emptied(name), *data.splits["test"]]
    scores, _ = predict(model, feed(name, model, samples), Engine("fp32"))
    if task.measures_texts:
        scores = task.with_texts(scores, ["", *["a word"] * (len(samples) - 1)])
    rows = task.decode(scores, samples)
    assert len(rows) == len(samples)
    assert all(0 <= row.get("confidence", 1) <= 1 for row in rows)
    assert json.loads(json.dumps(rows)) == rows
    assert all(
        np.isfinite(measure(scores, task.targets(samples)))
        for measure in {**task.metrics, **task.watched}.values()
    )


@pytest.mark.parametrize(("name", "network"), CASES)
def test_they_are_predicted(name, network):
    task, _ = task_of(name)
    model = model_of(name, network)
    asked = [task.without_target(sample) for sample in emptied(name)]
    if task.generates:
        assert all(isinstance(text, str) for text in task.generate(model, asked, Decoding(3)))
        return
    scores, _ = predict(model, feed(name, model, asked), Engine("fp32"))
    assert len(task.decode(scores, asked)) == len(asked)


@pytest.mark.parametrize("name", TASKS)
def test_the_baselines_take_them_in_training_and_test(name):
    task, data = task_of(name)
    train, test = (
        [*data.splits["train"], *emptied(name)],
        [*data.splits["test"], *emptied(name, "test")],
    )
    for baseline in task.baselines:
        scores = baseline.predict(train, test)
        assert len(task.decode(scores, test)) == len(test)
        first, *others = (measure(scores, task.targets(test)) for measure in task.metrics.values())
        assert np.isfinite(first) and not np.isinf(others).any()
