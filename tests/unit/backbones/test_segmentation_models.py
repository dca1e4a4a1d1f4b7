"""Networks of segmentation-models-pytorch: saved as the library saves, opened as it opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch

from graft.backbones.backbone import Model
from graft.backbones.folder import library_of
from graft.backbones.heads.head import attach_head, check_head
from graft.backbones.load import load_backbone
from graft.backbones.sources.segmentation_models import SegmentationModels
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

JOB = Job("semantic-segmentation", "image", "pyramid", 3, (96, 64))
HEADS = ("unet", "unet-plus-plus", "fpn", "deeplab-v3", "deeplab-v3-plus")


def parameters_of(model: Model, path: str) -> list[torch.nn.Parameter]:
    return list(model.network.get_submodule(path).parameters())


def network_of(head: str = "unet", trunk: str = "tiny:cnn", job: Job = JOB):
    return attach_head(head, load_backbone(trunk, job), job.outputs)


@pytest.mark.parametrize("trunk", ["tiny:cnn", "tiny:convnext"])
@pytest.mark.parametrize("head", HEADS)
def test_a_saved_network_opens_in_the_library_with_two_lines(head, trunk, tmp_path: Path):
    backbone = network_of(head, trunk)
    SegmentationModels().save(backbone, str(tmp_path), ["a", "b", "c"], None)
    network = smp.from_pretrained(tmp_path).eval()
    picture = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = Model(backbone)(Batch({"x": picture})).logits
        assert logits.shape == (2, 3, 64, 96)
        assert torch.equal(network(picture), logits)


@pytest.mark.parametrize("head", HEADS)
def test_a_batch_of_one_picture_can_be_learned_from(head):
    backbone = network_of(head)
    model = Model(backbone).train()
    picture = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    model(Batch({"x": picture})).logits.square().mean().backward()
    assert all(module.training for module in model.modules())
    heads = [tensor for path in backbone.head for tensor in parameters_of(model, path)]
    assert heads and all(torch.isfinite(tensor.grad).all() for tensor in heads)


def test_what_enters_the_head_has_no_number_of_the_picture():
    backbone = network_of()
    picture = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    blank, *maps = Model(backbone)(Batch({"x": picture})).features
    assert blank.shape == (1, 0, 64, 96)
    assert [each.shape[2] for each in maps] == [32, 16, 8, 4, 2]


def test_the_weights_of_the_trunk_move_over():
    trunk = load_backbone("tiny:cnn", JOB)
    weights = {name: tensor.clone() for name, tensor in trunk.network.state_dict().items()}
    network = attach_head("deeplab-v3", trunk, 3).network
    now = network.encoder.model.state_dict()
    assert all(torch.equal(tensor, now[name]) for name, tensor in weights.items())


def test_a_network_that_others_saved_is_a_starting_point(tmp_path: Path):
    theirs = smp.FPN("tu-test_resnet", encoder_weights=None, classes=7).eval()
    theirs.save_pretrained(tmp_path)
    assert library_of(str(tmp_path)) is SegmentationModels
    opened = load_backbone(str(tmp_path), replace(JOB, outputs=None))
    assert (opened.head_name, opened.architecture["outputs"]) == ("fpn", 7)
    assert opened.preprocess.size == (96, 64)
    picture = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(Model(opened)(Batch({"x": picture})).logits, theirs.eval()(picture))


def test_another_number_of_classes_keeps_the_decoder(tmp_path: Path):
    before = network_of()
    SegmentationModels().save(before, str(tmp_path), ["a", "b", "c"], None)
    after = load_backbone(str(tmp_path), replace(JOB, outputs=5))
    was, now = before.network.state_dict(), after.network.state_dict()
    changed = {name for name in was if was[name].shape != now[name].shape}
    assert changed == {"segmentation_head.0.weight", "segmentation_head.0.bias"}
    assert all(torch.equal(was[name], now[name]) for name in set(was) - changed)


def test_a_finished_network_keeps_what_it_knows_of_classes(tmp_path: Path):
    before = network_of()
    SegmentationModels().save(before, str(tmp_path), ["a", "b", "c"], None)
    job = Job("semantic-segmentation", "image", "finished", 4, (96, 64), ("c", "new", "a", "d"))
    after = load_backbone(str(tmp_path), job)
    assert after.form == "finished"
    was, now = (each.network.segmentation_head[0].weight for each in (before, after))
    assert torch.equal(now[[0, 2]], was[[2, 0]])
    assert not torch.equal(now[1], was[1])
    assert "copied by name: c, a; new: new, d; left out: b" in after.notes[-1]


def test_another_head_keeps_the_trunk(tmp_path: Path):
    before = network_of()
    SegmentationModels().save(before, str(tmp_path), ["a", "b", "c"], None)
    after = attach_head("fpn", load_backbone(str(tmp_path), JOB), 3)
    was, now = (each.network.encoder.model.state_dict() for each in (before, after))
    assert all(torch.equal(was[name], now[name]) for name in was)
    assert type(after.network) is smp.FPN


def test_networks_that_are_not_known_are_refused(tmp_path: Path):
    smp.Linknet("tu-test_resnet", encoder_weights=None).save_pretrained(tmp_path / "linknet")
    with pytest.raises(BackboneError, match=r"holds a Linknet\. Networks .* knows: .*Unet"):
        load_backbone(str(tmp_path / "linknet"), JOB)
    smp.Unet("resnet18", encoder_weights=None).save_pretrained(tmp_path / "own")
    with pytest.raises(BackboneError, match=r"'resnet18'.* those of timm: tu-resnet18"):
        load_backbone(str(tmp_path / "own"), JOB)


def test_a_mask_is_no_vector(tmp_path: Path):
    SegmentationModels().save(network_of(), str(tmp_path), ["a", "b", "c"], None)
    with pytest.raises(BackboneError, match="image-classification needs vector features"):
        load_backbone(str(tmp_path), Job("image-classification", "image", "vector", 3))


def test_trunks_of_torchvision_are_refused_by_the_name_of_timm():
    trunk = load_backbone("torchvision:resnet18", JOB, pretrained=False)
    with pytest.raises(BackboneError, match="'unet' needs pyramid features of timm to give mask"):
        check_head("unet", "mask", trunk)
