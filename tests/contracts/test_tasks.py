"""The contract of a task, run over every one that is found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import plugins, trees
from graft.base.records import Batch, Sample
from graft.data.images.open import open_image
from graft.studies.run import build_model
from graft.tasks.task import Task
from tests.contracts.tiny import SPELLED, TINY, task_of

NAMES = [*plugins.names("task"), SPELLED]


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_data_have_the_roles_that_the_task_asks_for(name):
    task, data = task_of(name)
    assert task.fits(data.roles)
    assert not task.fits(data.roles - {task.target_role})
    assert {"train", "val", "test"} <= set(data.splits)


@pytest.mark.parametrize("name", NAMES)
def test_perfect_scores_get_perfect_metrics(name):
    task, data = task_of(name)
    samples = data.splits["test"]
    perfect, targets = _scores(task, samples), task.targets(samples)
    values = {name: metric(perfect, targets) for name, metric in task.metrics.items()}
    # What there is nothing of, as objects of some size, has no value.
    defined = {name: value for name, value in values.items() if not np.isnan(value)}
    best = {name: task.metrics[name].best for name in defined}
    assert next(iter(values)) in defined
    # The targets of a batch are float32, with seven digits: an error of 0 is rounded, too.
    assert defined == pytest.approx(best, abs=1e-6)
    assert np.isfinite(next(iter(task.watched.values()))(perfect, targets))


@pytest.mark.parametrize("name", NAMES)
def test_perfect_scores_are_decoded_to_the_answers(name):
    task, data = task_of(name)
    samples = data.splits["test"]
    for row, sample in zip(task.decode(_scores(task, samples), samples), samples, strict=True):
        assert task.is_right(row["prediction"], task.answer(sample))
        assert row.get("confidence") is None or 0 <= row["confidence"] <= 1
        assert json.loads(json.dumps(row)) == row
        assert task.say(row["prediction"])


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_gives_scores_that_the_metrics_and_the_decoder_take(name):
    task, data = task_of(name)
    test = data.splits["test"]
    for baseline in task.baselines:
        scores = baseline.predict(data.splits["train"], test)
        assert len(scores) == len(test)
        assert len(task.decode(scores, test)) == len(test)
        first, *others = (measure(scores, task.targets(test)) for measure in task.metrics.values())
        assert np.isfinite(first) and not np.isinf(others).any(), (
            "what a baseline has no number for is nan"
        )
        if scores.dtype != object and scores.ndim == 2:
            assert scores.shape == (len(test), len(task.classes))
            assert np.all((scores >= 0) & (scores <= 1))
            assert np.allclose(scores.sum(1), 1)


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_lower_for_right_logits(name):
    task, data = task_of(name)
    batch = _batch(task, task.windows(data.splits["train"][:6], _preprocess(task)).pieces)
    right = task.right_output(batch)
    wrong = replace(
        right,
        raw=trees.map_leaves(torch.neg, right.raw),
        losses=right.losses and {name: loss + 1.0 for name, loss in right.losses.items()},
    )
    assert task.loss(right, batch) < 0.01 < task.loss(wrong, batch)


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_head_depends_on_the_seed_alone_and_a_kept_one_does_not(name):
    task, _ = task_of(name)

    def head(seed: int, pretrained: bool = True) -> torch.Tensor:
        model = build_model(TINY[task.name], task, pretrained, seed)
        last = model.network.get_submodule(model.backbone.head[-1])
        return torch.cat([parameter.detach().flatten() for parameter in last.parameters()])

    assert torch.equal(head(3), head(3))
    assert torch.equal(head(3), head(4)) != task.fresh_head
    assert not torch.equal(head(3, pretrained=False), head(4, pretrained=False))


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_json_and_make_the_task_again(name):
    task, _ = task_of(name)
    settings = json.loads(json.dumps(task.settings()))
    again = type(task)(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in settings.items()
        }
    )
    assert again == task


@pytest.mark.parametrize("name", NAMES)
def test_unlabeled_samples_are_encoded_without_a_target(name):
    task, data = task_of(name)
    bare = task.without_target(data.splits["test"][0])
    assert task.target_role not in bare.roles
    assert _batch(task, [bare]).target is None


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_is_for_a_person(name):
    task, data = task_of(name)
    samples = data.splits["test"]
    (row,) = task.decode(_scores(task, samples[:1]), samples[:1])
    for shown in (
        task.show(samples[0]),
        task.show(samples[0], row["prediction"], task.answer(samples[0])),
    ):
        assert shown.kind in ("image", "text", "audio")
        assert shown.kind == "text" or shown.value.startswith(f"data:{shown.kind}/")
        assert shown.value


@pytest.mark.parametrize("name", NAMES)
def test_the_details_are_json_whose_table_names_its_columns(name):
    task, data = task_of(name)
    samples = data.splits["test"]
    details = task.details(_scores(task, samples), task.targets(samples)).to_json()
    assert json.loads(json.dumps(details))["mistakes"][0]
    keys = {column["key"] for column in details.get("per_class_table", {}).get("columns", ())}
    assert all(set(row) == keys for row in details.get("per_class", {}).values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_right_is_no_mistake(name):
    task, data = task_of(name)
    samples = data.splits["test"]
    for row, sample in zip(task.decode(_scores(task, samples), samples), samples, strict=True):
        assert task.severity({**row, "target": task.answer(sample)}) is None


@pytest.mark.parametrize(
    "name", [name for name in plugins.names("task") if plugins.load("task", name).draws]
)
def test_a_prediction_is_drawn_on_its_picture(name):
    task, data = task_of(name)
    samples = data.splits["test"][:2]
    rows = task.decode(_scores(task, samples), samples)
    for sample, row in zip(samples, json.loads(json.dumps(rows)), strict=True):
        drawn = task.draw(sample, row["prediction"])
        assert drawn.mode == "RGB"
        assert min(drawn.size) >= min(open_image(sample.roles["image"], sample.id).size)


def _preprocess(task: Task) -> Preprocess:
    return build_model(TINY[task.name], task, pretrained=True, seed=0).backbone.preprocess


def _batch(task: Task, pieces: Sequence[Sample]) -> Batch:
    preprocess = _preprocess(task)
    return task.collate([task.encode(piece, preprocess, None) for piece in pieces], preprocess)


def _scores(task: Task, samples: Sequence[Sample]) -> np.ndarray:
    windows = task.windows(samples, _preprocess(task))
    batch = _batch(task, windows.pieces)
    found = task.scores(task.rows(task.right_output(batch), batch), windows)
    return (
        task.with_texts(found, [task.answer(sample) for sample in samples])
        if task.measures_texts
        else found
    )
