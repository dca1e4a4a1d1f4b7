"""Whole detectors of torchvision: what they know of COCO is kept, and torchvision opens them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import head_of
from graft.backbones.load import load_backbone, usual_job
from graft.base import trees
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

NAMES = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
)
"""One of each head."""
SIZE = (96, 64)
CATEGORIES = models.get_model_weights(NAMES[0]).DEFAULT.meta["categories"]


def finished(*classes: str) -> Job:
    return Job("features", "image", "finished", len(classes), SIZE, classes)


def save_as_downloaded(home: Path, name: str, network: nn.Module) -> None:
    """Put the weights of a network where torch keeps those that it has downloaded."""
    file = home / "hub" / "checkpoints" / Path(models.get_model_weights(name).DEFAULT.url).name
    file.parent.mkdir(parents=True, exist_ok=True)
    # The official files come from norms that do not count batches.
    state = network.state_dict().items()
    torch.save({key: t for key, t in state if not key.endswith("num_batches_tracked")}, file)


@pytest.fixture(scope="module", params=NAMES)
def official(request, tmp_path_factory):
    """The name of a detector, and one with random weights that lies in the cache of torch."""
    home = tmp_path_factory.mktemp("torch")
    torch.manual_seed(0)
    network = models.get_model(request.param, weights=None, weights_backbone=None).eval()
    save_as_downloaded(home, request.param, network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(home))
        yield request.param, network


@pytest.fixture(scope="module")
def backbone(official) -> Backbone:
    return load_backbone(f"torchvision:{official[0]}", finished("dragon", "zebra"))


def pictures(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def test_rows_of_classes_of_coco_are_copied_by_name(official, backbone):
    was, now = official[1].state_dict(), backbone.network.state_dict()
    head = head_of(backbone)
    known = CATEGORIES[head.first_class :]
    changed = 0
    for name, tensor in was.items():
        rows = head.rows_of_classes(name, len(tensor), len(known)) if tensor.dim() else None
        if rows is None:
            assert torch.equal(now[name], tensor), name
            continue
        new, changed = head.rows_of_classes(name, len(now[name]), 2), changed + 1
        assert torch.equal(now[name][new[1]], tensor[rows[known.index("zebra")]])
        if head.first_class:
            background = len(rows[0])
            assert torch.equal(now[name][:background], tensor[:background])
    assert changed >= 2
    (note,) = backbone.notes
    assert "copied by name: zebra; new: dragon; left out: person, bicycle" in note
    assert "N/A" not in note and "__background__" not in note


def test_a_training_step_has_losses_and_gradients_everywhere(backbone):
    model = Model(backbone, fresh_head=False).train()
    target = {
        "boxes": torch.tensor([[[5.0, 5, 60, 50]], [[0, 0, 0, 0]]]),
        "classes": torch.tensor([[1], [-1]]),
    }
    output = model(Batch({"x": pictures(2)}, target))
    loss = sum(output.losses.values())
    loss.backward()
    assert torch.isfinite(loss) and output.raw is None
    gradients = {name: p.grad for name, p in model.network.named_parameters()}
    assert all(each is not None and torch.isfinite(each).all() for each in gradients.values())
    model.zero_grad()


def test_detections_are_the_same_beside_losses(backbone):
    model = Model(backbone, fresh_head=False).eval()
    target = {"boxes": torch.tensor([[[5.0, 5, 60, 50]]]), "classes": torch.tensor([[1]])}
    with torch.no_grad():
        alone, beside = model(Batch({"x": pictures(1)})), model(Batch({"x": pictures(1)}, target))
    assert beside.losses and trees.are_close(alone.raw, beside.raw, 0.0)


@pytest.fixture(scope="module")
def saved(backbone, tmp_path_factory) -> Path:
    folder, job = tmp_path_factory.mktemp("saved") / "model", finished("dragon", "zebra")
    probe = Batch(backbone.preprocess.example())
    model_folder.save(Model(backbone), folder, job, list(job.classes), {}, probe)
    return folder


def test_torchvision_opens_what_is_saved_and_finds_the_same(backbone, saved):
    config = json.loads((saved / "config.json").read_text())
    network = models.get_model(
        config["architecture"], num_classes=config["num_classes"], **config["arguments"]
    ).eval()
    network.load_state_dict(load_file(saved / "model.safetensors"))

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, *SIZE[::-1]), generator=generator, dtype=torch.uint8)
    p = backbone.preprocess
    with torch.no_grad():
        (theirs,) = network([pixels / 255])
        ours, _ = backbone.call(backbone.network, Batch(p.collate([{p.input_name: pixels}])))
    count = len(theirs["scores"])
    assert count and (ours["labels"][0] >= 0).sum() == count
    # Scores in order: which of equal boxes comes first may change with the last bit.
    torch.testing.assert_close(ours["scores"][0, :count], theirs["scores"], rtol=1e-3, atol=1e-4)


def test_what_is_saved_is_what_is_opened_and_begins_another(backbone, saved):
    opened, _ = model_folder.open_model(saved)
    was, now = backbone.network.state_dict(), opened.network.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in was.items())
    other = load_backbone(str(saved), finished("zebra", "unicorn"))
    assert "copied by name: zebra; new: unicorn; left out: dragon" in other.notes[0]


def test_its_trunk_takes_no_other_head_which_is_said_before_weights_are_looked_for():
    with pytest.raises(BackboneError, match="use it with head=own"):
        load_backbone(f"torchvision:{NAMES[0]}", Job("features", "image", "pyramid", 2, SIZE))


def test_asked_for_nothing_it_keeps_the_classes_of_coco(official):
    name, network = official
    usual = usual_job(f"torchvision:{name}")
    backbone = load_backbone(f"torchvision:{name}", replace(usual, size=SIZE))
    was, now = network.state_dict(), backbone.network.state_dict()
    assert all(torch.equal(now[key], tensor) for key, tensor in was.items())


def test_norms_that_were_trained_without_an_epsilon_give_what_torchvision_gives(
    tmp_path, monkeypatch
):
    name = "fasterrcnn_resnet50_fpn"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    network = models.get_model(name, weights=None, weights_backbone=None).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):  # small ones, beside which 1e-5 is much
            nn.init.uniform_(module.running_var, 1e-4, 2e-4)
            nn.init.constant_(module.weight, 1e-2)
    save_as_downloaded(tmp_path, name, network)
    ours = load_backbone(f"torchvision:{name}", finished("zebra")).network
    theirs = models.get_model(name, weights="DEFAULT").eval()
    with torch.no_grad():
        was, now = (each.backbone(pictures(1)) for each in (theirs, ours))
    for level, expected in was.items():
        torch.testing.assert_close(now[level], expected, rtol=1e-3, atol=1e-5)
    assert not any("Frozen" in type(module).__name__ for module in ours.modules())
