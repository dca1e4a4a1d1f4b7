"""Techniques that learn from samples without labels: what changes, and that a resume is exact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training import checkpoint
from tests.contracts.tiny import NEVER, task_of, trained

TASK, NETWORK = "image-classification", "tiny:efficientnet"
TRAINED = "full-fine-tuning:epochs=1"
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def weights(spec: str, folder: Path) -> dict[str, Tensor]:
    model, _ = trained(spec, TASK, folder, backbone=NETWORK, checkpoint_seconds=NEVER)
    return model.network.state_dict()


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def changed_by(technique: str, folder: Path) -> set[str]:
    """The tensors that a technique changes of a network that was trained before."""
    before = weights(TRAINED, folder / "before")
    return changed(before, weights(f"{TRAINED} then {technique}", folder / "after"))


def norms() -> list[str]:
    """The paths of all batch normalizations."""
    model = build_model(NETWORK, task_of(TASK)[0], pretrained=True, seed=0)
    modules = model.network.named_modules()
    return [path for path, module in modules if isinstance(module, nn.BatchNorm2d)]


def test_adabn_changes_statistics_of_batch_normalizations_and_nothing_else(tmp_path):
    before, after = (
        weights(TRAINED, tmp_path / "a"),
        weights(f"{TRAINED} then adabn", tmp_path / "b"),
    )
    names = changed(before, after)
    assert names <= {f"{path}.{name}" for path in norms() for name in STATISTICS}
    assert {f"{path}.running_mean" for path in norms()} <= names


def test_tent_changes_batch_normalizations_and_nothing_else(tmp_path):
    before, after = (
        weights(TRAINED, tmp_path / "a"),
        weights(f"{TRAINED} then tent", tmp_path / "b"),
    )
    names = changed(before, after)
    assert names <= {
        f"{path}.{name}" for path in norms() for name in (*STATISTICS, "weight", "bias")
    }
    assert {f"{path}.weight" for path in norms()} & names


def test_statistics_are_proven_apart_from_what_is_frozen(tmp_path):
    _, position = trained(f"{TRAINED} then adabn", TASK, tmp_path, backbone=NETWORK)
    assert [phase["phase"] for phase in position.frozen] == ["fine-tuning", "statistics"]
    assert all(phase["unchanged"] for phase in position.frozen)
    assert not position.recorded


def test_batch_normalizations_have_their_momentum_again(tmp_path):
    model, _ = trained(f"{TRAINED} then adabn", TASK, tmp_path, backbone=NETWORK)
    plain = build_model(NETWORK, task_of(TASK)[0], pretrained=True, seed=0)
    momenta = [
        [module.momentum for module in each.modules() if isinstance(module, nn.BatchNorm2d)]
        for each in (model, plain)
    ]
    assert momenta[0] == momenta[1]


def kill_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the training right after so many checkpoints."""
    save, left = checkpoint.save, [saves]

    def save_and_stop(*args: object) -> None:
        save(*args)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", save_and_stop)


@pytest.mark.parametrize("spec", ["self-training:threshold=0", f"{TRAINED} then adabn"])
def test_a_kill_inside_an_epoch_goes_on_to_the_same_weights(spec, tmp_path, monkeypatch):
    how = {"backbone": NETWORK, "epochs": 4}
    whole, _ = trained(spec, TASK, tmp_path / "whole", checkpoint_seconds=NEVER, **how)
    with monkeypatch.context() as patched:
        # An epoch has two steps and two checkpoints, so that the fifth lies inside the third epoch;
        # before adabn one epoch has one checkpoint inside it.
        kill_after(2 if "then" in spec else 5, patched)
        with pytest.raises(KeyboardInterrupt):
            trained(spec, TASK, tmp_path / "killed", **how)
    assert checkpoint.read_position(checkpoint.checkpoint_path(tmp_path / "killed")).step % 2 == 1
    again, _ = trained(spec, TASK, tmp_path / "killed", checkpoint_seconds=NEVER, **how)
    assert not changed(whole.state_dict(), again.state_dict())


def test_self_training_learns_from_its_predictions(tmp_path):
    trained("self-training:threshold=0", TASK, tmp_path, backbone=NETWORK, epochs=4)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["losses"] for line in lines]
    assert losses[-1]["pseudo"] > 0


@pytest.mark.parametrize("name", ["adabn", "tent", "self-training", "mcc", "fixmatch", "shot"])
def test_several_labels_are_refused(name):
    task = task_of("text-classification")[0]
    several = type(task)(task.classes, multi_label=True)
    backbone = build_model("tiny:bert", task, pretrained=True, seed=0).backbone
    with pytest.raises(BadValue, match=f"'{name}' is for examples with one class each"):
        parse(name).check(backbone, several)


def test_adabn_is_refused_without_batch_normalizations():
    task = task_of("text-classification")[0]
    backbone = build_model("tiny:bert", task, pretrained=True, seed=0).backbone
    with pytest.raises(BadValue, match=r"'adabn' needs batch normalizations.*'tent'"):
        parse("adabn").check(backbone, task)


def test_fixmatch_is_refused_for_texts():
    task = task_of("text-classification")[0]
    backbone = build_model("tiny:bert", task, pretrained=True, seed=0).backbone
    with pytest.raises(BadValue, match="'fixmatch' needs two views of a sample"):
        parse("fixmatch").check(backbone, task)


@pytest.mark.parametrize(("threshold", "is_told"), [(0.0, False), (0.999999, True)])
def test_fixmatch_says_that_no_prediction_served_as_a_label(threshold, is_told, tmp_path):
    spec = f"fixmatch:threshold={threshold:.6f},epochs=1"
    _, position = trained(spec, TASK, tmp_path, backbone=NETWORK, checkpoint_seconds=NEVER)
    notes = [note for note in position.warnings if "fixmatch learned nothing" in note]
    assert bool(notes) == is_told
