"""Networks as trunks that yield feature maps at several resolutions."""

from __future__ import annotations

import pytest
import torch
from torchvision import models

from graft.backbones.heads.head import attach_head, heads_for
from graft.backbones.load import load_backbone
from graft.backbones.pyramids.levels import Levels
from graft.backbones.pyramids.stages import cut_into_stages
from graft.base import plugins
from graft.base.errors import BackboneError
from graft.base.job import Job
from graft.base.records import Batch

JOB = Job("object-detection", "image", "pyramid", 3, (96, 64))
TRUNKS = [
    f"{source}:{name}"
    for source in ("tiny", "timm", "torchvision")
    for name in plugins.load("source", source)().tiny(JOB)
]


@pytest.mark.parametrize("name", TRUNKS)
def test_a_trunk_yields_a_map_for_each_stride_of_whole_pictures(name: str) -> None:
    backbone = load_backbone(name, JOB, pretrained=name.startswith("tiny"))
    assert (backbone.form, backbone.head, backbone.groups) == ("pyramid", (), [])
    assert (backbone.preprocess.size, backbone.preprocess.whole) == ((96, 64), True)
    levels = backbone.levels
    assert levels.strides[-4:] == (4, 8, 16, 32)
    with torch.no_grad():
        maps, _ = backbone.call(backbone.network, Batch(backbone.preprocess.example()))
    assert [tuple(each.shape) for each in maps] == [
        (1, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(levels.channels, levels.strides, strict=True)
    ]


@pytest.mark.parametrize("name", TRUNKS)
def test_a_trunk_is_built_again_from_its_description(name: str) -> None:
    backbone = load_backbone(name, JOB, pretrained=name.startswith("tiny"))
    about = backbone.architecture["trunk"]
    library = plugins.load("source", about["library"])()
    again = library.trunk(about["name"], JOB.size, **about["arguments"])
    assert again.levels == backbone.levels
    again.network.load_state_dict(backbone.network.state_dict())


def test_a_trunk_that_is_built_for_one_size_is_built_again_for_another() -> None:
    small = {"embed_dim": 16, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 1, 1)}
    timm = plugins.load("source", "timm")()
    saved = timm.trunk("swin_tiny_patch4_window7_224", (96, 64), **small)
    again = timm.trunk(
        "swin_tiny_patch4_window7_224", (64, 64), **saved.architecture["trunk"]["arguments"]
    )
    assert again.preprocess.size == (64, 64) and again.levels == saved.levels


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "test_vit"])
def test_a_network_of_one_resolution_is_refused_by_the_names_of_others(name: str) -> None:
    with pytest.raises(BackboneError, match=f"timm:{name} has no feature maps.*efficientnet-lite0"):
        load_backbone(f"timm:{name}", JOB, pretrained=False)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "regnet_y_400mf", "densenet121", "swin_t"]
)
def test_stages_give_what_the_network_computes_on_the_way(name: str) -> None:
    channels_last = name == "swin_t"
    torch.manual_seed(0)
    network = models.get_model(name, weights=None).eval()
    stages = cut_into_stages(network, channels_last)
    seen: list[torch.Tensor] = []
    last = list(stages.values())[-1]
    hook = last.register_forward_hook(lambda module, args, output: seen.append(output.clone()))
    picture = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        network(picture)
        hook.remove()
        maps = stages(picture)
    assert torch.equal(maps[-1], seen[0])
    levels = Levels.of(maps, 64, name, channels_last)
    assert levels.strides[-4:] == (4, 8, 16, 32)


def test_stages_of_resnet_have_the_names_that_torchvision_gives_them() -> None:
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    names = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=torch.nn.BatchNorm2d
    ).body.state_dict()
    stages = cut_into_stages(models.resnet18(weights=None).eval(), False)
    assert list(stages.state_dict()) == list(names)


def test_levels_are_chosen_by_stride() -> None:
    levels = Levels((0, 1, 2, 3, 4), (2, 4, 8, 16, 32), (8, 16, 24, 32, 40))
    assert levels.at((8, 32)) == Levels((2, 4), (8, 32), (24, 40))


def test_maps_with_the_channels_last_are_turned() -> None:
    levels = Levels((0,), (4,), (3,), channels_last=True)
    (level,) = levels.read([torch.zeros(2, 8, 16, 3)])
    assert level.shape == (2, 3, 8, 16)


def test_the_groups_of_a_trunk_are_the_same_under_every_head() -> None:
    names = [
        [group.name for group in attach_head(head, load_backbone("tiny:cnn", JOB), 3).groups]
        for head in heads_for("boxes", "pyramid")
        if plugins.load("head", head).saved_by == "torchvision"
    ]
    assert len(names) == 3 and len(names[0]) >= 5
    assert all(groups == names[0] for groups in names)
