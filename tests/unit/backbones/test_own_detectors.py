"""A whole trained detector for other classes: what it knows by name is kept."""

from __future__ import annotations

import pytest
import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Model
from graft.backbones.heads.head import attach_head, head_of
from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

SIZE = (64, 64)
KNOWN, WANTED = ("cat", "dog", "sheep"), ("cow", "dog")
HEADS = ("faster-rcnn", "fcos", "yolox", "d-fine")
"""One of each kind of rows, and of each library that saves them."""


@pytest.fixture(params=HEADS)
def saved(request, tmp_path):
    """A detector of three classes, and the folder it is saved in."""
    job = Job("object-detection", "image", "pyramid", len(KNOWN), SIZE)
    backbone = attach_head(request.param, load_backbone("tiny:cnn", job), len(KNOWN))
    probe = Batch(backbone.preprocess.example())
    model_folder.save(Model(backbone), tmp_path / "model", job, list(KNOWN), {}, probe)
    return backbone, tmp_path / "model"


def finished(*classes: str) -> Job:
    return Job("object-detection", "image", "finished", len(classes), SIZE, classes)


def test_rows_of_classes_with_the_same_name_are_copied(saved):
    backbone, folder = saved
    adapted = load_backbone(str(folder), finished(*WANTED))
    head, before, after = (
        head_of(backbone),
        *(each.network.state_dict() for each in (backbone, adapted)),
    )
    changed = 0
    for name, tensor in before.items():
        rows = head.rows_of_classes(name, len(tensor), 3) if tensor.dim() else None
        if rows is None:
            assert torch.equal(after[name], tensor), name
            continue
        now = head.rows_of_classes(name, len(after[name]), 2)
        assert torch.equal(after[name][now[1]], tensor[rows[1]]), "the dog is known"
        changed += 1
    assert changed >= 2
    (note,) = adapted.notes
    assert "copied by name: dog; new: cow; left out: cat, sheep" in note
    assert f"the other {len(before) - changed:,} are as they were" in note


def test_the_same_classes_are_the_same_network(saved):
    backbone, folder = saved
    again = load_backbone(str(folder), finished(*KNOWN))
    assert not again.notes and again.form == "finished"
    was, now = backbone.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in was.items())


def test_a_trunk_for_another_head_is_taken_from_a_saved_detector(saved):
    backbone, folder = saved
    opened = load_backbone(str(folder), Job("object-detection", "image", "pyramid", 2, SIZE))
    other = attach_head("retinanet", opened, 2)
    trunk, now = (each.network.get_submodule(each.trunk).state_dict() for each in (backbone, other))
    assert all(torch.equal(now[name], tensor) for name, tensor in trunk.items())


def test_a_detector_is_no_classifier_and_a_classifier_no_detector(saved):
    _, folder = saved
    with pytest.raises(BackboneError, match="needs vector features"):
        load_backbone(str(folder), Job("image-classification", "image", "vector", 2))
    with pytest.raises(BackboneError, match="its own head cannot be kept"):
        load_backbone("timm:test_resnet", finished("cat"), pretrained=False)


@pytest.mark.parametrize("head", ["faster-rcnn", "retinanet", "fcos"])
def test_the_forward_of_torchvision_finds_the_same_in_a_picture_from_0_to_1(head):
    job = Job("object-detection", "image", "pyramid", len(KNOWN), SIZE)
    backbone = attach_head(head, load_backbone("tiny:cnn", job), len(KNOWN))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, *SIZE), generator=generator, dtype=torch.uint8)
    p = backbone.preprocess
    with torch.no_grad():
        ours, _ = backbone.call(backbone.network, Batch(p.collate([{p.input_name: pixels}])))
        (theirs,) = backbone.network([pixels / 255])
    count = len(theirs["scores"])
    assert count and (ours["labels"][0] >= 0).sum() == count
    # Scores in order: which of equal boxes comes first may change with the last bit.
    torch.testing.assert_close(ours["scores"][0, :count], theirs["scores"], rtol=1e-3, atol=1e-4)
