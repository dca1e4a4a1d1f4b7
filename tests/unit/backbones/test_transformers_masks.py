"""Whole networks of transformers that give masks: SegFormer, and another of that class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForSemanticSegmentation,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
)

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.load import load_backbone, usual_job
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch
from graft.studies.run import open_backbone
from graft.tasks.object_detection import ObjectDetection
from graft.tasks.semantic_segmentation import SemanticSegmentation

NAMES = ("sky", "road", "tree")
SEGFORMER = {
    "model_type": "segformer",
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 16, 24, 32],
    "num_attention_heads": [1, 2, 3, 4],
    "decoder_hidden_size": 16,
}
UPERNET = {
    "model_type": "upernet",
    "backbone_config": {
        "model_type": "convnext",
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    },
    "hidden_size": 16,
    "auxiliary_in_channels": 24,
    "auxiliary_channels": 8,
}
"""A network whose trunk has no name of its own, with a second head that only helps to train."""


def save_as_published(folder: Path, settings: dict) -> Path:
    torch.manual_seed(0)
    config = AutoConfig.for_model(**settings)
    config.id2label = dict(enumerate(NAMES))
    AutoModelForSemanticSegmentation.from_config(config).save_pretrained(folder)
    SegformerImageProcessor(do_reduce_labels=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """A folder as hubs have them, with three classes and labels counted from 1."""
    return save_as_published(tmp_path_factory.mktemp("segformer"), SEGFORMER)


def finished(*classes: str) -> Job:
    return Job("semantic-segmentation", "image", "finished", len(classes), (96, 64), classes)


def pictures(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def logits_of(backbone: Backbone) -> torch.Tensor:
    model = Model(backbone, fresh_head=False).eval()
    with torch.no_grad():
        return model(Batch({"pixel_values": pictures(2)})).logits


def test_its_own_classes_are_those_of_transformers_in_pixels_of_the_input(published):
    backbone = load_backbone(str(published), finished(*NAMES))
    theirs = SegformerForSemanticSegmentation.from_pretrained(published).eval()
    with torch.no_grad():
        expected = theirs(pixel_values=pictures(2)).logits
    logits = logits_of(backbone)
    assert logits.shape == (2, 3, 64, 96) and not backbone.notes
    resized = torch.nn.functional.interpolate(expected, (64, 96), mode="bilinear")
    torch.testing.assert_close(logits, resized, rtol=1e-4, atol=1e-4)
    assert backbone.head == ("decode_head",) and len(backbone.groups) > 3


@pytest.mark.parametrize("settings", [SEGFORMER, UPERNET], ids=["segformer", "upernet"])
def test_rows_of_classes_with_the_same_name_are_copied(settings, tmp_path):
    folder = save_as_published(tmp_path / "published", settings)
    was = load_backbone(str(folder), finished(*NAMES)).network.state_dict()
    backbone = load_backbone(str(folder), finished("tree", "river", "sky", "moon"))
    now = backbone.network.state_dict()
    changed = [name for name, tensor in was.items() if now[name].shape != tensor.shape]
    assert changed and all("classifier" in name for name in changed)
    for name, tensor in was.items():
        if name in changed:
            assert torch.equal(now[name][[0, 2]], tensor[[2, 0]])
        else:
            assert torch.equal(now[name], tensor), name
    (note,) = backbone.notes
    assert "copied by name: tree, sky; new: river, moon; left out: road" in note
    assert f"the other {len(was) - len(changed):,} are as they were" in note
    assert all(path.endswith("head") for path in backbone.head)
    assert logits_of(backbone).shape == (2, 4, 64, 96)


def test_transformers_opens_what_is_saved_in_two_lines(published, tmp_path):
    job = finished("river", "sky")
    backbone = load_backbone(str(published), job)
    folder = tmp_path / "model"
    probe = Batch(backbone.preprocess.example())
    model_folder.save(Model(backbone), folder, job, list(job.classes), {}, probe)
    network = AutoModelForSemanticSegmentation.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    assert network.config.id2label == {0: "river", 1: "sky"}
    assert network.config.semantic_loss_ignore_index == 255 and not processor.do_reduce_labels
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    inputs = processor(picture, return_tensors="pt")
    p = backbone.preprocess
    ours = p.collate([{p.input_name: torch.from_numpy(picture).permute(2, 0, 1)}])
    torch.testing.assert_close(inputs["pixel_values"], ours["pixel_values"], rtol=0, atol=1e-5)
    with torch.no_grad():
        outputs = network.eval()(**inputs)
        (mask,) = processor.post_process_semantic_segmentation(outputs, [(64, 96)])
        logits = Model(backbone).eval()(Batch(ours)).logits
    # Where two classes are equally likely, the last bit decides.
    assert (mask == logits[0].argmax(0)).float().mean() > 0.99
    again, card = model_folder.open_model(folder)
    torch.testing.assert_close(logits_of(again.backbone), logits_of(backbone))
    assert card["classes"] == ["river", "sky"]


def test_a_trunk_without_a_head_of_masks_gets_a_new_one(published, tmp_path):
    whole = SegformerForSemanticSegmentation.from_pretrained(published)
    whole.segformer.save_pretrained(tmp_path)
    SegformerImageProcessor().save_pretrained(tmp_path)
    backbone = load_backbone(str(tmp_path), finished("sky", "river"))
    was, now = whole.segformer.state_dict(), backbone.network.segformer.state_dict()
    assert all(torch.equal(now[name], tensor) for name, tensor in was.items())
    (note,) = backbone.notes
    assert "which are drawn at random: decode_head." in note


def test_weights_may_be_drawn_for_a_control(published):
    torch.manual_seed(1)
    backbone = load_backbone(str(published), finished(*NAMES), pretrained=False)
    trained = load_backbone(str(published), finished(*NAMES))
    key = "decode_head.linear_fuse.weight"
    assert not torch.equal(backbone.network.state_dict()[key], trained.network.state_dict()[key])


def test_the_task_opens_it_by_head_own_and_no_other_task_does(published):
    task = SemanticSegmentation(("sky", "river"), names=("sky", "river"), head="own", size=64)
    assert open_backbone(str(published), task).form == "finished"
    boxes = ObjectDetection(("sky",), head="own", size=64)
    with pytest.raises(BackboneError, match="transformers has not made for object-detection"):
        open_backbone(str(published), boxes)
    with pytest.raises(BackboneError, match=r"with head=own those that give masks, as segformer"):
        load_backbone(str(published), Job("features", "image", "pyramid", 2, (96, 64)))
    asked_for_nothing = load_backbone(str(published), usual_job(f"transformers:{published}"))
    assert asked_for_nothing.network.config.num_labels == 3


def test_a_whole_network_that_finds_boxes_gives_no_masks(tmp_path):
    from graft.backbones.heads.head import attach_head

    job = Job("features", "image", "pyramid", 2, (64, 64))
    backbone = attach_head("fcos", load_backbone("tiny:cnn", job), 2)
    probe = Batch(backbone.preprocess.example())
    model_folder.save(Model(backbone), tmp_path / "model", job, ["a", "b"], {}, probe)
    task = SemanticSegmentation(("a", "b"), names=("a", "b"), head="own", size=64)
    with pytest.raises(BackboneError, match="ends in the head 'fcos', which does not give mask"):
        open_backbone(str(tmp_path / "model"), task)
