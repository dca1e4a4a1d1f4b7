"""The contract of a task, run over every one that is found."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from graft.base import plugins
from graft.base.records import Output, Sample
from graft.studies.run import build_model
from tests.contracts.tiny import TINY, task_of

NAMES = plugins.names("task")


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_data_have_the_roles_that_the_task_asks_for(name):
    task, data = task_of(name)
    assert task.roles <= data.roles
    assert {"train", "val", "test"} <= set(data.splits)


@pytest.mark.parametrize("name", NAMES)
def test_perfect_scores_get_perfect_metrics(name):
    task, data = task_of(name)
    targets = task.targets(data.splits["test"])
    perfect = targets.astype(float) if targets.ndim > 1 else np.eye(len(task.classes))[targets]
    found = {metric: measure(perfect, targets) for metric, measure in task.metrics.items()}
    assert found.pop("ece", 0.0) == pytest.approx(0.0)
    assert found.pop("brier", 0.0) == pytest.approx(0.0)
    assert found == pytest.approx(dict.fromkeys(found, 1.0))


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_gives_a_probability_to_each_class(name):
    task, data = task_of(name)
    for predict in task.baselines.values():
        scores = predict(data.splits["train"], data.splits["test"])
        assert scores.shape == (len(data.splits["test"]), len(task.classes))
        assert np.all((scores >= 0) & (scores <= 1))
        assert np.allclose(scores.sum(1), 1)


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_lower_for_right_logits(name):
    task, data = task_of(name)
    model = build_model(TINY[name], task, pretrained=True, seed=0)
    samples = data.splits["train"][:6]
    batch = task.collate([task.encode(s, model.backbone.preprocess, None) for s in samples], model.backbone.preprocess)
    right = torch.nn.functional.one_hot(batch.target, len(task.classes)) * 9.0
    features = torch.zeros(len(samples), 1)
    assert task.loss(Output(right, features), batch) < 0.01 < task.loss(Output(-right, features), batch)


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_head_depends_on_the_seed_alone(name):
    task, _ = task_of(name)

    def head(seed: int) -> torch.Tensor:
        model = build_model(TINY[name], task, pretrained=True, seed=seed)
        return model.network.get_submodule(model.backbone.head[-1]).weight.detach()

    assert torch.equal(head(3), head(3))
    assert not torch.equal(head(3), head(4))


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_json_and_make_the_task_again(name):
    task, _ = task_of(name)
    settings = json.loads(json.dumps(task.settings()))
    again = type(task)(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})
    assert again == task


@pytest.mark.parametrize("name", NAMES)
def test_unlabeled_samples_are_encoded_without_a_target(name):
    task, data = task_of(name)
    preprocess = build_model(TINY[name], task, pretrained=True, seed=0).backbone.preprocess
    sample = data.splits["test"][0]
    bare = Sample(sample.id, {role: value for role, value in sample.roles.items() if role != "label"})
    assert task.collate([task.encode(bare, preprocess, None)], preprocess).target is None


@pytest.mark.parametrize("name", NAMES)
def test_the_preview_is_for_a_person(name):
    task, data = task_of(name)
    shown = task.preview(data.splits["test"][0])
    assert shown["kind"] in ("image", "text")
    assert shown["value"].startswith("data:image/") if shown["kind"] == "image" else shown["value"]
