"""The contract of a technique, run for each technique and each task."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from graft.backbones.adapters.added import without_added
from graft.backbones.backbone import Model
from graft.backbones.load import load_backbone
from graft.base import plugins, specs
from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training import optim
from graft.training.checkpoint import Position
from tests.contracts.slices import cross
from tests.contracts.tiny import (
    HEAVY,
    NEVER,
    PACKED,
    TINY,
    TRAINED,
    Stop,
    can_train,
    network_of,
    task_of,
    trained,
)

NAMES = plugins.names("technique")
SHORTER = {"lp-ft": "lp-ft:probe_epochs=4"}
"""Techniques whose training takes a hundred epochs by default, where a head is not solved for."""
EPOCHS = {"delta": 12}
"""Longer than the usual six, since a penalty holds back the first steps."""
TRAININGS = [SHORTER.get(name, name) for name in NAMES]
COMBINED = ["full-fine-tuning + l2-sp:weight=0.1", "feature-extraction:epochs=2 then lora:r=2"]
TO_TRAIN = [
    *cross([*TRAININGS, *COMBINED], TRAINED, can_train),
    pytest.param(("partial-fine-tuning", HEAVY), id=HEAVY, marks=pytest.mark.slow),
]
TO_STOP = [
    *cross([*TRAININGS, *COMBINED], TRAINED, can_train),
    pytest.param(("lora", PACKED), id="lora-packed"),
    pytest.param(("gradual-unfreezing", HEAVY), id=HEAVY, marks=pytest.mark.slow),
]
ABOUT_HEAD = [name for name in NAMES if parse(name).about_head]


def below_the_head(model: Model) -> dict[str, torch.Tensor]:
    """The tensors of all layers but the head's, by their names in the network of its library."""
    heads = tuple(f"{path}." for path in model.backbone.head)
    found = {
        name: tensor
        for name, tensor in model.network.state_dict().items()
        if not name.startswith(heads)
    }
    return {name.removeprefix("causal."): tensor for name, tensor in found.items()}


@dataclass(frozen=True)
class Training:
    """A finished training, which several tests look at."""

    technique: str
    task: str
    model: Model
    position: Position
    folder: Path


@pytest.fixture(scope="module", params=TO_TRAIN)
def training(request, tmp_path_factory) -> Training:
    """Train each technique on each task once; pytest groups the tests that use the same one."""
    technique, task = request.param
    folder = tmp_path_factory.mktemp("training")
    epochs = EPOCHS.get(technique, 6)
    model, position = trained(technique, task, folder, epochs=epochs, checkpoint_seconds=NEVER)
    return Training(technique, task, model, position, folder)


def test_the_training_loss_falls(training):
    if not training.position.frozen:
        pytest.skip("it has no phases")
    if parse(training.technique).own_epochs(training.model) == 1:
        pytest.skip("it has one epoch")
    rows = [
        json.loads(line)["losses"]
        for line in (training.folder / "history.jsonl").read_text().splitlines()
    ]
    kinds = [row.keys() for row in rows if row]
    # Of the first phases alone; other losses may rise, as one whose weight does, or an adversary's.
    losses = [_task_loss(row) for row in rows if row and row.keys() == kinds[0]]
    assert min(losses[1:]) < losses[0]


def _task_loss(losses: dict[str, float]) -> float:
    """The loss of the task, or of all tasks; without one, that of all there is."""
    tasks = [loss for name, loss in losses.items() if name.partition(".")[0] == "task"]
    return sum(tasks or losses.values())


def untrained(training: Training) -> Model:
    """The network that the training began with."""
    task, _ = task_of(training.task)
    return build_model(network_of(training.technique, training.task), task, pretrained=True, seed=0)


@pytest.mark.parametrize("spec", ["{}", "{} + l2-sp", "lora then {}", "{} then lora"])
@pytest.mark.parametrize("name", ABOUT_HEAD)
def test_a_technique_about_a_new_head_is_refused_where_there_is_none(name, spec):
    task, _ = task_of("text-generation")
    with pytest.raises(BadValue, match=f"'{name}' trains a new head.*lora"):
        parse(spec.format(name)).check(load_backbone(TINY[task.name], task.job()), task)


def test_what_is_frozen_does_not_move(training):
    assert all(phase["unchanged"] for phase in training.position.frozen)
    if (
        not training.position.frozen
    ):  # each phase reports what it froze; without one all is frozen but the written head
        before, now = below_the_head(untrained(training)), below_the_head(training.model)
        assert all(torch.equal(now[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("pair", TO_STOP)
def test_a_stopped_training_goes_on_to_the_same_weights(pair, tmp_path):
    technique, task = pair
    whole, _ = trained(technique, task, tmp_path / "whole", epochs=3, checkpoint_seconds=NEVER)
    lines = (tmp_path / "whole" / "history.jsonl").read_text().splitlines()
    for after in sorted({1, len(lines) // 2} - {0}) if lines else []:
        with pytest.raises(KeyboardInterrupt):
            trained(technique, task, tmp_path / f"{after}", Stop(after), epochs=3)
    again, position = trained(
        technique, task, tmp_path / f"{len(lines) // 2}", epochs=3, checkpoint_seconds=NEVER
    )
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert position.history == len(lines)


def test_the_model_that_comes_out_is_an_ordinary_network_again(training):
    model, fresh = training.model, untrained(training)
    with without_added(model.network):  # layers that stay are saved beside the ordinary network
        check_is_like(model, fresh)


def check_is_like(model: Model, fresh: Model) -> None:
    """Assert that both have the same tensors, unless the head has changed."""
    if model.backbone.form == "finished":  # it has gone back to the head of its own
        assert set(below_the_head(model)) == set(below_the_head(fresh))
    else:
        assert set(model.state_dict()) == set(fresh.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_each_phase_has_positive_length_and_rates_and_the_last_trains_the_head(name):
    task, _ = task_of("text-classification")
    model = build_model(network_of(name, "text-classification"), task, pretrained=True, seed=0)
    technique = parse(name)
    technique.objective(model, task)
    phases = technique.phases(model, 3.0)
    head = {n for n, group in model.group_indices().items() if group == -1}
    if technique.learns_labels:
        assert all(head & set(optim.trainable(model, phase)) for phase in phases[-1:])
    for phase in phases:
        assert optim.trainable(model, phase) or phase.statistics
        assert phase.epochs > 0
        assert phase.lr > 0
        assert phase.head_lr > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_gives_formula_source_and_when(name):
    words = plugins.description("technique", name)
    for part in ("Formula:", "Source:", "When:", "When not:"):
        assert part in words, part


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_makes_the_technique_again(name):
    technique = parse(f"{name}:lr=0.002,batch_size=8")
    assert (technique.lr, technique.batch_size) == (0.002, 8)
    assert parse(specs.text(name, technique)) == technique
