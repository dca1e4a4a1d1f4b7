"""Tensors in timm's order become timm's folder, with and without a classifier."""

from __future__ import annotations

import io

import pytest
import torch

from graft.backbones.backbone import Model
from graft.backbones.built_in.convert import in_timm_order
from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError
from graft.base.records import Batch
from tests.jobs import job

ARCHITECTURE = "test_efficientnet"
CLASSES = ["ant", "bee", "crow"]


def blob_of(num_classes: int) -> tuple[bytes, dict[str, torch.Tensor]]:
    """A file with the weights of a random network under other names, and these weights."""
    import timm

    network = timm.create_model(ARCHITECTURE, num_classes=num_classes)
    weights = {f"renamed.{name}": tensor for name, tensor in network.state_dict().items()}
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue(), network.state_dict()


def test_opens_with_its_classes_weights_and_settings(tmp_path):
    blob, weights = blob_of(len(CLASSES))
    settings = {"interpolation": "bilinear", **in_timm_order.TF_PIXELS}
    in_timm_order.write_folder(ARCHITECTURE, blob, tmp_path, settings, CLASSES)
    backbone = load_backbone(str(tmp_path), job("image-classification"))
    state = backbone.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())
    assert backbone.preprocess.interpolation == "bilinear"
    assert backbone.preprocess.mean == pytest.approx((127 / 255,) * 3)
    assert Model(backbone)(Batch(backbone.preprocess.example())).logits.shape[1] == len(CLASSES)


@pytest.mark.parametrize(("asked", "outputs"), [(5, 5), (None, 1)])
def test_a_network_without_a_classifier_gets_a_fresh_one(tmp_path, asked, outputs):
    blob, weights = blob_of(0)
    in_timm_order.write_folder(ARCHITECTURE, blob, tmp_path, {}, [])
    backbone = load_backbone(str(tmp_path), job("image-classification", asked))
    state = backbone.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())
    assert Model(backbone)(Batch(backbone.preprocess.example())).logits.shape[1] == outputs


def test_other_shapes_are_refused(tmp_path):
    blob, _ = blob_of(4)
    with pytest.raises(BackboneError, match=r"do not fit timm .*test_efficientnet"):
        in_timm_order.write_folder(ARCHITECTURE, blob, tmp_path, {}, CLASSES)
