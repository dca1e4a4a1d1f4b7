"""Pretraining goes on in the model's own trunk, and is refused where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from graft.backbones.load import load_backbone
from graft.base.errors import BadValue
from graft.studies.run import build_model
from graft.techniques.specs.combine import parse
from tests.contracts.tiny import task_of, trained
from tests.jobs import job

TEXT = "text-classification"


def history_of(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("masked-language-modeling", "tiny:bert"), ("causal-language-modeling", "tiny:gpt2")],
)
def test_the_trunk_learns_in_place_and_the_head_of_the_task_stays(name, backbone, tmp_path):
    model, _ = trained(name, TEXT, tmp_path, backbone=backbone)
    fresh = build_model(backbone, task_of(TEXT)[0], pretrained=True, seed=0)
    groups, now = fresh.group_indices(), model.network.state_dict()
    moved = {
        key
        for key, tensor in fresh.network.state_dict().items()
        if not torch.equal(tensor, now[key])
    }
    assert moved
    assert all(groups[key] != -1 for key in moved)


def test_the_output_layer_is_tied_to_the_embeddings_of_the_trunk():
    task, _ = task_of(TEXT)
    model = build_model("tiny:bert", task, pretrained=True, seed=0)
    language = parse("masked-language-modeling").objective(model, task).model.network
    assert language.get_output_embeddings().weight is model.network.get_input_embeddings().weight


def test_the_masked_loss_of_held_out_texts_falls(tmp_path):
    trained("masked-language-modeling", TEXT, tmp_path, epochs=6)
    losses = [line["held_out"]["loss"] for line in history_of(tmp_path)]
    assert losses[-1] < losses[0]


def test_what_is_measured_on_other_texts_does_not_pass_for_validation(tmp_path):
    trained("causal-language-modeling then full-fine-tuning", "text-generation", tmp_path, epochs=1)
    phases = [
        (line["phase"], [split for split in ("held_out", "val") if split in line])
        for line in history_of(tmp_path)
    ]
    assert (
        phases == [("causal language modeling", ["held_out"])] * 2 + [("fine-tuning", ["val"])] * 2
    )
    assert all(
        "bits_per_byte" in (line.get("held_out") or line["val"]) for line in history_of(tmp_path)
    )


@pytest.mark.parametrize(
    ("spec", "backbone", "task", "words"),
    [
        ("masked-language-modeling", "tiny:gpt2", TEXT, "not made for tiny:gpt2"),
        ("causal-language-modeling", "tiny:bert", TEXT, "not made for tiny:bert"),
        ("masked-language-modeling then lora", "tiny:cnn", "image-classification", "reads texts"),
        ("causal-language-modeling then lora", "tiny:cnn", "image-classification", "reads texts"),
    ],
)
def test_networks_of_another_kind_are_refused(spec, backbone, task, words):
    with pytest.raises(BadValue, match=words):
        parse(spec).check(load_backbone(backbone, job(task, 2)), task_of(task)[0])


@pytest.mark.parametrize(
    "spec", ["lora + masked-language-modeling", "causal-language-modeling + l2-sp"]
)
def test_its_loss_cannot_be_added_to_others(spec):
    with pytest.raises(BadValue, match="reads other texts"):
        parse(spec)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(BadValue, match="more than 0 and less than 1"):
        parse("masked-language-modeling:probability=2")
