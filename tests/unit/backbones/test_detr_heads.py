"""Heads of the DETR family: losses, detections, norms, and what transformers opens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForObjectDetection,
    RTDetrImageProcessor,
)

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import attach_head
from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

JOB = Job("features", "image", "pyramid", 3, (96, 64))
NAMES = ["cat", "dog", "horse"]


@pytest.fixture(scope="module", params=["rt-detr-v2", "d-fine"])
def backbone(request) -> Backbone:
    torch.manual_seed(0)
    return attach_head(request.param, load_backbone("tiny:cnn", JOB, pretrained=False), 3)


@pytest.fixture
def model(backbone) -> Model:
    return Model(backbone).eval()


def pictures(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def target(boxes: list, classes: list) -> dict[str, torch.Tensor]:
    return {"boxes": torch.tensor(boxes), "classes": torch.tensor(classes)}


TWO_AND_NONE = target(
    [[[5.0, 5, 40, 40], [50, 10, 80, 50]], [[0, 0, 0, 0], [0, 0, 0, 0]]], [[1, 2], [-1, -1]]
)


def test_losses_and_detections_come_from_one_forward_in_evaluation(model):
    with torch.no_grad():
        output = model(Batch({"x": pictures(2)}, TWO_AND_NONE))
    assert {"vfl", "bbox", "giou"} <= set(output.losses)
    assert all(torch.isfinite(loss) for loss in output.losses.values())
    assert output.raw["boxes"].shape == (2, 100, 4)


def test_a_training_step_has_losses_alone(model):
    output = model(Batch({"x": pictures(2)}, TWO_AND_NONE))
    assert output.raw is None


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_without_boxes_has_finite_losses_and_gradients(model, training):
    nothing = {"boxes": torch.zeros(2, 0, 4), "classes": torch.zeros(2, 0, dtype=torch.long)}
    output = model.train(training)(Batch({"x": pictures(2)}, nothing))
    loss = sum(output.losses.values())
    loss.backward()
    assert torch.isfinite(loss)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
    model.zero_grad()


def test_detections_come_by_score_in_pixels_of_the_input(model):
    with torch.no_grad():
        raw = model(Batch({"x": pictures(1)})).raw
        own = model.network(pixel_values=pictures(1))
    assert (raw["scores"].diff() <= 0).all()
    assert set(raw["labels"].flatten().tolist()) <= {0, 1, 2}
    best = own.logits.sigmoid().max(-1).values.argmax(-1)
    center, side = own.pred_boxes[0, best[0]].view(2, 2)
    box = torch.cat((center - side / 2, center + side / 2)) * torch.tensor([96, 64, 96, 64])
    torch.testing.assert_close(raw["boxes"][0, 0], box)


def test_the_boxes_to_be_found_are_centers_and_sides_as_shares_of_the_picture(model):
    """Against transformers' own loss of the same boxes."""
    boxes = {"class_labels": torch.tensor([1]), "boxes": torch.tensor([[0.25, 0.5, 0.5, 0.25]])}
    with torch.no_grad():
        own = model.network(pixel_values=pictures(1), labels=[boxes]).loss
        ours = model(Batch({"x": pictures(1)}, target([[[0.0, 24, 48, 40]]], [[1]]))).losses
    torch.testing.assert_close(sum(ours.values()), own)


def test_no_norm_is_frozen_and_those_of_the_head_start_at_one(backbone):
    norms = [m for m in backbone.network.modules() if isinstance(m, nn.BatchNorm2d)]
    named = {type(m).__name__ for m in backbone.network.modules() if "Norm" in type(m).__name__}
    assert not any("Frozen" in name for name in named)
    assert all(norm.weight.requires_grad for norm in norms)
    head = [m for path in backbone.head for m in backbone.network.get_submodule(path).modules()]
    scales = [m.weight for m in head if isinstance(m, nn.BatchNorm2d)]
    assert scales and all((scale == 1).all() for scale in scales)


def test_transformers_opens_what_is_saved_in_two_lines(model, tmp_path):
    example = Batch(model.backbone.preprocess.example())
    model_folder.save(model, tmp_path / "model", JOB, NAMES, {}, example)
    folder = tmp_path / "model"
    network = AutoModelForObjectDetection.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder)
    assert network.config.id2label == dict(enumerate(NAMES))
    assert network.config.num_labels == 3
    with torch.no_grad():
        theirs = network(pixel_values=pictures(1))
        ours = model.network(pixel_values=pictures(1))
    # The same weights in modules that lie elsewhere in memory: sums in another order.
    torch.testing.assert_close(theirs.logits, ours.logits, rtol=1e-4, atol=1e-4)
    assert list(processor.image_mean) == list(model.backbone.preprocess.mean)
    wide = torch.zeros(3, 20, 100, dtype=torch.uint8)
    assert processor(wide, return_tensors="pt")["pixel_values"].shape == (1, 3, 64, 96)


def test_a_saved_detector_begins_another_one_with_other_classes(model, tmp_path):
    example = Batch(model.backbone.preprocess.example())
    model_folder.save(model, tmp_path / "model", JOB, NAMES, {}, example)
    wider = load_backbone(str(tmp_path / "model"), Job("features", "image", "pyramid", 7))
    assert wider.architecture["outputs"] == 7
    old, new = model.network.state_dict(), wider.network.state_dict()
    changed = {name for name in old if old[name].shape != new[name].shape}
    parts = ("class_embed", "enc_score_head", "denoising_class_embed")
    assert changed and all(any(part in name for part in parts) for name in changed)
    assert all(torch.equal(old[name], new[name]) for name in set(old) - changed)


def test_a_trunk_of_one_size_is_refused():
    trunk = load_backbone("timm:swin_tiny_patch4_window7_224", JOB, pretrained=False)
    with pytest.raises(BackboneError, match="swin_tiny_patch4_window7_224 for pictures of another"):
        attach_head("d-fine", trunk, 3)


TINY = {
    "model_type": "rt_detr_v2",
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
        "out_indices": [2, 3, 4],
    },
    "encoder_in_channels": [16, 24, 32],
    "encoder_hidden_dim": 32,
    "d_model": 32,
    "decoder_in_channels": [32, 32, 32],
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "decoder_layers": 2,
    "num_queries": 20,
}


@pytest.fixture(scope="module")
def hub_folder(tmp_path_factory) -> Path:
    """A folder as hubs have them: a trunk of transformers' own, three classes, norms frozen."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(**TINY)
    config.id2label = dict(enumerate(NAMES))
    folder = tmp_path_factory.mktemp("hub")
    AutoModelForObjectDetection.from_config(config).save_pretrained(folder)
    RTDetrImageProcessor(size={"height": 64, "width": 96}).save_pretrained(folder)
    return folder


def finished(*classes: str) -> Job:
    return Job("features", "image", "finished", len(classes), (96, 64), classes)


def test_a_whole_detector_of_the_hub_gives_the_outputs_that_it_gives_in_transformers(hub_folder):
    backbone = load_backbone(str(hub_folder), finished(*NAMES))
    theirs = AutoModelForObjectDetection.from_pretrained(hub_folder)
    with torch.no_grad():
        expected = theirs(pixel_values=pictures(1)).logits
        logits = backbone.network(pixel_values=pictures(1)).logits
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    assert backbone.notes == []
    assert len(backbone.groups) > 3
    named = {type(module).__name__ for module in backbone.network.modules()}
    assert not any("Frozen" in name for name in named)


def test_a_whole_detector_gets_the_classes_of_the_data_and_is_saved_with_them(hub_folder, tmp_path):
    job = finished("unicorn", "dog")
    backbone = load_backbone(str(hub_folder), job)
    (note,) = backbone.notes
    assert "copied by name: dog; new: unicorn; left out: cat, horse" in note
    example = Batch(backbone.preprocess.example())
    model = Model(backbone).eval()
    model_folder.save(model, tmp_path / "model", job, list(job.classes), {}, example)
    again, _ = model_folder.open_model(tmp_path / "model")
    assert again.network.config.id2label == {0: "unicorn", 1: "dog"}
    with torch.no_grad():
        was, now = (each(Batch({"x": pictures(1)})).raw["scores"] for each in (model, again))
    torch.testing.assert_close(now, was, rtol=1e-4, atol=1e-4)


def test_the_trunk_of_a_whole_detector_takes_no_other_head(hub_folder):
    with pytest.raises(BackboneError, match="use it with head=own"):
        load_backbone(str(hub_folder), JOB)
