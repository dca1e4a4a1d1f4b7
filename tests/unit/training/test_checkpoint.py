"""A checkpoint holds what may move, and goes with the frozen weights that it was made with."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open

from graft.base.errors import FolderError
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from graft.training.checkpoint import read_position
from graft.training.engine import Engine
from graft.training.loop.trainer import Settings, checkpoint_path, train
from graft.training.observers import Observer
from tests.contracts.tiny import Stop, network_of, task_of, trained

TASK = "text-classification"


def weights(technique: str, folder, after: int = 1) -> list[str]:
    """Stop training after `after` lines of history; return the checkpoint's weights by name."""
    with pytest.raises(KeyboardInterrupt):
        trained(technique, TASK, folder, Stop(after), epochs=3)
    with safe_open(checkpoint_path(folder), "pt") as file:
        names = file.keys()
        return [name.removeprefix("model/") for name in names if name.startswith("model/")]


def test_an_adapter_is_kept_without_the_network_below_it(tmp_path):
    found = weights("lora:r=2", tmp_path)
    assert any(".lora_A." in name for name in found)
    assert [name for name in found if ".lora_" not in name and "classifier" not in name] == []


def test_what_an_earlier_phase_trained_is_kept(tmp_path):
    whole = weights("full-fine-tuning", tmp_path / "whole")
    assert set(
        weights("lora:r=2,epochs=1 then bitfit:epochs=2", tmp_path / "then", after=4)
    ) >= set(whole)


def test_other_frozen_weights_are_refused(tmp_path):
    weights("lora:r=2", tmp_path)
    (task, data), technique, engine = task_of(TASK), parse("lora:r=2"), Engine("fp32")
    model = build_model(network_of("lora", TASK), task, True, seed=0)
    with torch.no_grad():
        next(model.network.parameters()).add_(1.0)
    with pytest.raises(
        FolderError, match=r"frozen weights of .* are not those .* delete .*last\.safetensors"
    ):
        train(
            model, task, technique, data, Settings(seed=0, epochs=3), engine, tmp_path, Observer()
        )


def test_the_loss_of_an_epoch_is_the_same_where_a_run_goes_on_within_it(tmp_path):
    # Stopped as the first epoch's line is written, it goes on before the last step of that epoch.
    trained("full-fine-tuning", TASK, tmp_path / "whole", epochs=2)
    with pytest.raises(KeyboardInterrupt):
        trained("full-fine-tuning", TASK, tmp_path / "cut", Stop(1), epochs=2)
    trained("full-fine-tuning", TASK, tmp_path / "cut", epochs=2)
    whole, cut = (
        [
            json.loads(line)["losses"]
            for line in (tmp_path / name / "history.jsonl").read_text().splitlines()
        ]
        for name in ("whole", "cut")
    )
    assert whole == cut


def test_a_run_starts_afresh_where_its_checkpoint_was_deleted(tmp_path):
    weights("lora:r=2,epochs=1 then full-fine-tuning:epochs=2 + l2-sp", tmp_path, after=3)
    references = checkpoint_path(tmp_path).with_name("references-1.safetensors")
    assert references.exists()
    checkpoint_path(tmp_path).unlink()
    assert read_position(checkpoint_path(tmp_path)) is None
    assert not references.exists()
