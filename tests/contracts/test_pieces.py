"""A batch in pieces gives the gradient of the whole batch, for each task and technique."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from graft.backbones.backbone import Model
from graft.base import plugins
from graft.base.records import Batches, Sample
from graft.data.data import Data
from graft.studies.run import build_model
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.techniques.technique import Objective, Phase
from graft.training import optim
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from graft.training.feeds.streams import Streams
from graft.training.loop.step import step
from graft.training.loop.trainer import Settings, train
from graft.training.observers import Observer
from tests.contracts.slices import cross
from tests.contracts.tiny import (
    PACKED,
    TINY,
    can_train,
    network_of,
    task_of,
    with_source,
    with_unlabeled,
)

EXAMPLES, PIECES = 16, (2, 8)
WEIGHTED, SEVERAL, SUBWORDS = "weighted", "several labels", "token-classification:subwords=all"
TASKS = [*TINY, PACKED, SUBWORDS, WEIGHTED, SEVERAL]
BETWEEN_DOMAINS = ("bnm", "dan", "deep-coral", "deepjdot", "shot")
BETWEEN_EXAMPLES = {
    "contrastive-few-shot": {"contrastive"},
    "bss": {"fine-tuning"},
    "bi-tuning": {"fine-tuning"},
    **{name: {"adaptation"} for name in BETWEEN_DOMAINS},
}
"""Phases whose loss is between the examples of a batch, of which pieces have fewer."""
EITHER = ("cdan", "dann", "mcc", "mdd")
"""Losses of which some pieces have the gradient of the whole: sums of means over two streams, where
the pieces are equal shares of both, and those that depend little on nearly equal predictions."""
SPECS = {"deep-coral": "deep-coral:weight=1e20", "bss": "bss:weight=1e4"}
"""Covariances and singular values of the nearly equal predictions of a tiny network are tiny: the
weight lets them count."""
SAMPLED = ("object-detection",)
"""Tasks whose usual head learns from regions that are drawn anew in each step."""
TECHNIQUES = [*plugins.names("technique"), "full-fine-tuning + l2-sp:weight=0.1"]
GROUP_NORMS = {"semantic-segmentation": "semantic-segmentation:head=fpn"}
"""In training the batch norms of U-Net follow each batch, so losses are not those of evaluation."""
TOLERANCE = 1e-5
"""For float32 gradients, relative to their norm: sums of some thousand products rounded to 6e-8."""


def learned(name: str) -> tuple[Task, Data]:
    """Return the task and its tiny data.

    `WEIGHTED` is text classification with class weights, `SEVERAL` with several labels.
    """
    if name not in (WEIGHTED, SEVERAL):
        return task_of(name)
    task, data = task_of("text-classification")
    weights = tuple(2.0**number for number in range(len(task.classes)))
    if name == WEIGHTED:
        return replace(task, weights=weights), data
    splits = {
        split: [_with_two_labels(sample, task) for sample in samples]
        for split, samples in data.splits.items()
    }
    return replace(task, weights=weights, multi_label=True), Data(splits, data.path)


def _with_two_labels(sample: Sample, task: Task) -> Sample:
    return Sample(sample.id, sample.roles | {"label": (sample.roles["label"], task.classes[0])})


def parts(technique: str, name: str) -> Iterator[tuple[Objective, Phase, Batches]]:
    """Yield each phase of a technique, ready for a step without dropout, and its first batches."""
    task, data = learned(name)
    chosen, engine = parse(technique), Engine("fp32")
    data = with_unlabeled(data, chosen, task)
    model = build_model(network_of(technique, task.name), task, chosen.pretrained, seed=0)
    data = with_source(data, chosen, model)
    objective = chosen.objective(model, task)
    streams = Streams(
        data, task, chosen, model.backbone.preprocess, engine.device, 0, EXAMPLES, 1.0
    )
    feeds, _ = streams.make_feeds(chosen, objective)
    batches = next(feeds.stream((0, 0), range(1)))
    phases = chosen.phases(model, 1.0)
    if not phases:
        pytest.skip("it trains nothing")
    for phase in phases:
        objective.begin(phase)
        optim.freeze(objective.model, optim.trainable(objective.model, phase))
        yield objective.eval(), phase, batches


def gradient(objective: Objective, batches: Batches, pieces: int) -> torch.Tensor:
    """The gradient of one step, as one vector."""
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.0)
    result = step(objective, optimizer, Engine("fp32"), batches, 0.5, pieces, 0.0)
    assert result.pieces == pieces
    return torch.cat(
        [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters]
    )


@pytest.mark.parametrize("name", TASKS)
def test_pieces_of_a_batch_have_the_gradient_of_the_whole(name):
    for objective, _, batches in parts("full-fine-tuning", name):
        whole = gradient(objective, batches, 1)
        for pieces in PIECES:
            assert (
                gradient(objective, batches, pieces) - whole
            ).norm() <= TOLERANCE * whole.norm(), pieces


@pytest.mark.parametrize(
    "pair",
    cross(
        TECHNIQUES,
        [WEIGHTED, "token-classification", "text-generation"],
        lambda technique, name: can_train(technique, learned(name)[0].name),
    ),
)
def test_a_technique_has_the_gradient_of_the_whole_in_each_phase(pair):
    technique, name = pair
    for objective, phase, batches in parts(SPECS.get(technique, technique), name):
        whole = gradient(objective, batches, 1)
        apart = [
            float((gradient(objective, batches, pieces) - whole).norm() / whole.norm())
            for pieces in PIECES
        ]
        if technique in EITHER:
            pytest.skip("the pieces may have the gradient of the whole or not")
        between = phase.name in BETWEEN_EXAMPLES.get(technique, ())
        assert all((each > TOLERANCE) == between for each in apart), phase.name


@pytest.mark.parametrize("name", TASKS)
def test_validation_loss_does_not_depend_on_the_batches(name):
    task, data = learned(name)
    model = build_model(network_of("full-fine-tuning", task.name), task, True, seed=0).eval()
    engine = Engine("fp32")
    feed = Feed.of(data.splits["test"], task, model.backbone.preprocess, engine.device)
    losses = [evaluate(model, replace(feed, batch_size=size), engine).loss for size in (1, 5, 16)]
    assert losses == pytest.approx([losses[0]] * 3, rel=TOLERANCE)


@pytest.mark.parametrize("name", TASKS)
def test_the_training_loss_of_history_is_the_mean_over_the_split(name, tmp_path):
    """With a tiny learning rate and no dropout, it equals the loss of evaluation on that split."""
    if name in SAMPLED:
        pytest.skip("other regions of the pictures are drawn in evaluation")
    task, data = learned(GROUP_NORMS.get(name, name))
    engine, technique = Engine("fp32"), parse("full-fine-tuning:lr=1e-12,views=1")
    model = without_dropout(
        build_model(network_of("full-fine-tuning", task.name), task, True, seed=0)
    )
    feed = Feed.of(data.splits["train"], task, model.backbone.preprocess, engine.device)
    expected = evaluate(model, feed, engine).loss
    train(
        model, task, technique, data, Settings(epochs=1, batch_size=5), engine, tmp_path, Observer()
    )
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert sum(rows[-1]["losses"].values()) == pytest.approx(expected, rel=TOLERANCE)


def without_dropout(model: Model) -> Model:
    """Return the model without dropout; some modules keep the probability as a plain number."""
    for module in model.modules():
        for name in ("p", "dropout", "activation_dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
    return model
