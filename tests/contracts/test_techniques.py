"""The contract of a technique, run over every one that is found, on an image and on a text network."""

from __future__ import annotations

import json

import pytest
import torch

from graft.base import plugins, specs
from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.techniques.combine import parse
from graft.training import optim
from graft.training.observers import Observer
from tests.contracts.tiny import TINY, suits, task_of, trained

NAMES = plugins.names("technique")
COMBINED = ["full-fine-tuning + l2-sp:weight=0.1", "feature-extraction:epochs=2 then lora:r=2"]
PAIRS = [(technique, task) for technique in [*NAMES, *COMBINED] for task in TINY]
EVERY = [pytest.param(*pair, id="-".join(pair)) for pair in PAIRS if suits(*pair)]
REFUSED = [pytest.param(*pair, id="-".join(pair)) for pair in PAIRS if not suits(*pair)]


class Stop(Observer):
    """Kills the training, as far as it can tell, after so many lines of history."""

    def __init__(self, after: int):
        self.left = after

    def epoch(self, row):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("technique", "task"), EVERY)
def test_the_training_loss_falls(technique, task, tmp_path):
    trained(f"{technique}", task, tmp_path, epochs=6)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    losses = [row["losses"]["task"] for row in rows if row["losses"]]
    assert min(losses[1:]) < losses[0]


@pytest.mark.parametrize(("technique", "task"), REFUSED)
def test_a_technique_about_a_new_head_is_refused_where_there_is_none(technique, task):
    with pytest.raises(BadValue, match=r"trains a new head.*lora"):
        parse(technique).check(plugins.load("task", task), technique)


@pytest.mark.parametrize(("technique", "task"), EVERY)
def test_what_is_frozen_does_not_move(technique, task, tmp_path):
    _, position = trained(technique, task, tmp_path)
    assert position.frozen, "each phase reports what it froze"
    assert all(phase["unchanged"] for phase in position.frozen)


@pytest.mark.parametrize(("technique", "task"), EVERY)
def test_a_stopped_training_goes_on_to_the_same_weights(technique, task, tmp_path):
    whole, _ = trained(technique, task, tmp_path / "whole", epochs=3)
    lines = (tmp_path / "whole" / "history.jsonl").read_text().splitlines()
    for after in (1, len(lines) // 2):
        with pytest.raises(KeyboardInterrupt):
            trained(technique, task, tmp_path / f"{after}", Stop(after), epochs=3)
    again, position = trained(technique, task, tmp_path / f"{len(lines) // 2}", epochs=3)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert position.history == len(lines)


@pytest.mark.parametrize(("technique", "task"), EVERY)
def test_the_model_that_comes_out_is_an_ordinary_network_again(technique, task, tmp_path):
    model, _ = trained(technique, task, tmp_path)
    fresh = build_model(TINY[task], task_of(task)[0], pretrained=True, seed=0)
    assert set(model.state_dict()) == set(fresh.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_each_phase_trains_the_head_and_has_positive_length_and_rates(name):
    task, _ = task_of("text-classification")
    model = build_model(TINY["text-classification"], task, pretrained=True, seed=0)
    technique = parse(name)
    technique.objective(model, task)
    phases = technique.phases(model, 3.0)
    assert phases
    for phase in phases:
        head = {n for n, group in model.group_indices().items() if group == -1}
        assert head & set(optim.trainable(model, phase))
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
