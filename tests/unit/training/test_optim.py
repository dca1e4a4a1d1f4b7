"""Schedules, parameter groups, and what freezing does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from graft.base.records import Batch
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training import optim
from tests.contracts.tiny import TINY, task_of


def tiny(task: str = "image-classification", backbone: str | None = None):
    return build_model(backbone or TINY[task], task_of(task)[0], pretrained=True, seed=0)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one-cycle", "constant"])
def test_the_rate_rises_to_its_full_value_and_never_above(schedule):
    factors = [optim.factor(schedule, p, 0.1) for p in np.linspace(0, 1, 401)]
    assert max(factors) == pytest.approx(1.0, abs=1e-3)
    assert factors[0] == 0.0
    assert all(0 <= f <= 1 for f in factors)
    assert factors[-1] == pytest.approx(1.0 if schedule == "constant" else 0.0, abs=1e-6)


def test_layer_decay_lowers_the_rate_once_a_group_below_the_head():
    model, technique = (
        tiny(),
        parse("full-fine-tuning:lr=1.0,head_lr=5.0,layer_decay=0.5,weight_decay=0.1"),
    )
    phase = technique.phases(model, 1)[0]
    names = optim.trainable(model, phase)
    optimizer = optim.make_optimizer(model, [], names, phase, technique)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    groups = model.group_indices()
    depth = len(model.backbone.groups) - 1
    for name in names:
        expected = 5.0 if groups[name] == -1 else 0.5 ** (depth - 1 - groups[name])
        assert rates[id(model.network.get_parameter(name))] == pytest.approx(expected), name


def test_biases_and_normalizations_are_not_decayed():
    model, technique = tiny(), parse("full-fine-tuning:weight_decay=0.1")
    phase = technique.phases(model, 1)[0]
    optimizer = optim.make_optimizer(model, [], optim.trainable(model, phase), phase, technique)
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_every_parameter_is_in_the_optimizer_once():
    model, technique = tiny("text-classification"), parse("full-fine-tuning:layer_decay=0.9")
    phase = technique.phases(model, 1)[0]
    optimizer = optim.make_optimizer(model, [], optim.trainable(model, phase), phase, technique)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.network.parameters())


def test_frozen_batch_norm_keeps_its_statistics_while_its_weights_train():
    model = tiny()
    everything = [name for name, _ in model.network.named_parameters()]
    batch = torch.randn(4, 3, *model.backbone.preprocess.size)
    for mode, moves in (("frozen", False), ("updated", True)):
        optim.freeze(model, everything, mode)
        before = model.network.bn1.running_mean.clone()
        model(Batch({"x": batch}))
        assert torch.equal(before, model.network.bn1.running_mean) != moves
        assert model.network.bn1.weight.requires_grad


@pytest.mark.parametrize(
    "task",
    ["semantic-segmentation", "semantic-segmentation:head=deeplab-v3-plus",
     "object-detection:head=yolox", "object-detection:head=d-fine"],
)  # fmt: skip
def test_batch_norms_of_a_new_head_follow_the_data_beside_a_trunk_whose_own_are_frozen(task):
    made, data = task_of(task)
    model = build_model("tiny:cnn", made, pretrained=True, seed=0)
    optim.freeze(model, [name for name, _ in model.network.named_parameters()], "frozen")
    p = model.backbone.preprocess
    batch = made.collate([made.encode(one, p, None) for one in data.splits["train"][:4]], p)
    groups = model.group_indices()
    means = {name: t for name, t in model.network.named_buffers() if name.endswith("running_mean")}
    before = {name: tensor.clone() for name, tensor in means.items()}
    model(batch)
    moved = {name for name, tensor in means.items() if not torch.equal(before[name], tensor)}
    assert moved == {name for name in means if groups[name] == -1} != set()


@pytest.mark.parametrize("task", list(TINY))
def test_everything_is_in_training_mode_when_everything_trains(task):
    model = tiny(task)
    optim.freeze(model, [name for name, _ in model.network.named_parameters()], "updated")
    assert [path for path, module in model.network.named_modules() if not module.training] == []


def test_dropout_is_off_in_frozen_layers_and_on_in_trained_ones():
    model = tiny("text-classification")
    last = [n for n, group in model.group_indices().items() if group == -1]
    optim.freeze(model, [n for n, _ in model.network.named_parameters() if n in last])
    modes = {
        path: module.training
        for path, module in model.network.named_modules()
        if isinstance(module, torch.nn.Dropout)
    }
    assert modes.pop("dropout"), "the head's own dropout"
    assert modes
    assert not any(modes.values())
