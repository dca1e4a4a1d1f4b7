"""YOLOX: which cells find an object, and official checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.backbones.heads.head import attach_head
from graft.backbones.heads.layers.yolox.assignment import assign, pairwise_ious
from graft.backbones.heads.layers.yolox.detector import detect
from graft.backbones.heads.layers.yolox.predictor import Grid, Predictions
from graft.backbones.load import load_backbone
from graft.backbones.pyramids.coco import CLASSES
from graft.base.errors import BackboneError, UnknownName
from graft.base.job import Job
from graft.base.records import Batch

JOB = Job("features", "image", "pyramid", 3, (64, 64))
SIDE = 64


@pytest.fixture(scope="module")
def grid() -> Grid:
    return Grid.of([torch.zeros(1, 1, SIDE // stride, SIDE // stride) for stride in (8, 16, 32)])


def boxes_at(grid: Grid) -> Tensor:
    """A square around each cell, four cells wide, of which many overlap an object."""
    return torch.cat((grid.centers, 4 * grid.strides.expand(-1, 2)), 1)


def unsure(grid: Grid) -> tuple[Tensor, Tensor]:
    """The logits of a head that knows nothing: of an object, and of two classes."""
    count = len(grid.strides)
    return torch.zeros(count), torch.zeros(count, 2)


def test_cells_are_in_the_order_of_the_maps_and_of_their_rows(grid):
    assert grid.centers[[0, 1, 8, 64, 80]].tolist() == [
        [4, 4],
        [12, 4],
        [4, 12],
        [8, 8],
        [16, 16],
    ]
    assert grid.strides.flatten().unique(return_counts=True)[1].tolist() == [64, 16, 4]


def test_an_object_is_found_near_its_center_by_as_many_cells_as_cover_it(grid):
    one = torch.tensor([[32.0, 32, 32, 32]])
    chosen = assign(one, torch.tensor([1]), boxes_at(grid), *unsure(grid), grid)
    covered = pairwise_ious(one, boxes_at(grid))[0]
    apart = (grid.centers[chosen.cells] - one[0, :2]).abs() / grid.strides[chosen.cells]
    assert (apart < 1.5).all()
    assert len(chosen.cells) == int(covered[_near(grid, one)].topk(10).values.sum())
    torch.testing.assert_close(chosen.ious, covered[chosen.cells])


def _near(grid: Grid, box: Tensor) -> Tensor:
    return ((grid.centers - box[0, :2]).abs() < 1.5 * grid.strides).all(-1)


def test_a_cell_finds_one_object_alone(grid):
    two = torch.tensor([[32.0, 32, 32, 32], [34.0, 32, 32, 32]])
    chosen = assign(two, torch.tensor([0, 1]), boxes_at(grid), *unsure(grid), grid)
    assert len(chosen.cells.unique()) == len(chosen.cells)
    assert set(chosen.objects.tolist()) == {0, 1}


def test_an_object_outside_of_all_cells_is_not_looked_for(grid):
    far = torch.tensor([[500.0, 500, 20, 20]])
    chosen = assign(far, torch.tensor([0]), boxes_at(grid), *unsure(grid), grid)
    assert chosen.cells.numel() == chosen.objects.numel() == chosen.ious.numel() == 0


def test_the_surer_of_two_boxes_in_one_cell_is_kept_and_other_classes_beside_it(grid):
    count = len(grid.strides)
    objectness = torch.full((1, count), -20.0)
    objectness[0, :3] = torch.tensor([4.0, 2.0, 3.0])
    logits = torch.full((1, count, 2), -20.0)
    logits[0, :2, 0] = 5.0  # two cells that predict the same object, of class 0
    logits[0, 2, 1] = 5.0
    offsets = torch.zeros(1, count, 4)
    offsets[0, 1, 0] = -1.0  # the second cell's box is the first one's
    offsets[0, 2, 0] = -2.0
    (detections,) = detect(Predictions(offsets, objectness, logits, grid))
    assert detections["labels"].tolist() == [0, 1]
    torch.testing.assert_close(
        detections["scores"], torch.tensor([4.0, 3.0]).sigmoid() * torch.tensor(5.0).sigmoid()
    )
    assert detections["boxes"][0].tolist() == [-4, -4, 4, 4]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A file as the official ones are, of YOLOX-Nano with 80 classes and random weights."""
    network = attach_head("yolox", load_backbone("yolox:yolox_nano", JOB, False), 80).network
    parts = {"trunk": "backbone.backbone", "neck": "backbone", "head": "head"}
    state = {}
    for name, tensor in network.state_dict().items():
        part, _, rest = name.partition(".")
        state[f"{parts[part]}.{rest}"] = tensor
    file = tmp_path_factory.mktemp("yolox") / "yolox_nano.pth"
    torch.save({"model": state, "start_epoch": 300}, file)
    return file


def test_an_official_checkpoint_is_opened_whole_with_the_classes_that_it_knows(checkpoint):
    job = Job("features", "image", "finished", 2, (64, 64), ("dragon", "zebra"))
    backbone = load_backbone(f"yolox:{checkpoint}", job)
    assert (backbone.head_name, backbone.architecture["outputs"]) == ("yolox", 2)
    official = torch.load(checkpoint, weights_only=True)["model"]
    state = backbone.network.state_dict()
    key = "neck.C3_p4.m.0.conv2.dconv.conv.weight"
    assert torch.equal(state[key], official[key.replace("neck", "backbone")])
    assert torch.equal(state["head.obj_preds.1.bias"], official["head.obj_preds.1.bias"])
    weight = "head.cls_preds.0.weight"
    assert torch.equal(state[weight][1], official[weight][CLASSES.index("zebra")])
    (note,) = backbone.notes
    assert "copied by name: zebra; new: dragon" in note
    assert f"the other {len(state) - 6:,} are as they were" in note


def test_an_official_checkpoint_for_its_own_classes_is_opened_as_it_is(checkpoint):
    backbone = load_backbone(f"yolox:{checkpoint}", Job("features", "image", "pyramid"))
    official = torch.load(checkpoint, weights_only=True)["model"]
    weight = "head.cls_preds.2.weight"
    assert torch.equal(backbone.network.state_dict()[weight], official[weight])


def test_the_trunk_of_an_official_detector_takes_other_heads(checkpoint):
    backbone = attach_head("fcos", load_backbone(f"yolox:{checkpoint}", JOB), 3)
    assert backbone.source == "torchvision"
    with torch.no_grad():
        raw = Model(backbone).eval()(Batch(backbone.preprocess.example())).raw
    assert raw["boxes"].shape == (1, 100, 4)


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "other.pth"
    torch.save({"state_dict": {}}, file)
    with pytest.raises(BackboneError, match=r"other.pth is no checkpoint of YOLOX"):
        load_backbone(f"yolox:{file}", JOB)
    torch.save({"model": {"head.x": torch.zeros(1)}}, file)
    with pytest.raises(BackboneError, match=r"has another trunk than yolox_nano, .* Darknet-53"):
        load_backbone(f"yolox:{file}", JOB)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02cos\nsystem\n."])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    file = tmp_path / "broken.pth"
    file.write_bytes(content)
    with pytest.raises(BackboneError, match=r"broken.pth is no checkpoint of YOLOX"):
        load_backbone(f"yolox:{file}", JOB)


def test_an_unknown_size_is_told_with_the_known_ones():
    with pytest.raises(UnknownName, match="yolox_s"):
        load_backbone("yolox:yolox_z", JOB)
    with pytest.raises(BackboneError, match="finds objects in pictures"):
        load_backbone("yolox:yolox_s", Job("features", "image", "vector"))
