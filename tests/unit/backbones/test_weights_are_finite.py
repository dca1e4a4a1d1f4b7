"""Weights that are NaN are refused when a network is opened."""

import pytest
import torch

from graft.backbones.load import load_backbone
from graft.base.errors import BackboneError
from graft.base.job import Job

PICTURES = Job("features", "image", "vector")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_saved_network_with_broken_weights_is_refused(tmp_path, value):
    timm = pytest.importorskip("timm")
    network = timm.create_model("resnet10t")
    with torch.no_grad():
        network.conv1[0].weight[0, 0, 0, 0] = value
    timm.models.save_for_hf(network, tmp_path, safe_serialization=True)
    with pytest.raises(BackboneError, match=r"conv1\.0\.weight has values that are NaN"):
        load_backbone(f"local:{tmp_path}", PICTURES)
