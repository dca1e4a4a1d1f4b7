"""YOLOX beside the official implementation, on the same random weights and pictures.

`yolox.json` was written once with the Apache-licensed package pixeltable-yolox 0.4.3, whose network
is the official one, by this script:

    import json, sys, zlib
    from unittest.mock import MagicMock

    import numpy as np
    import torch

    sys.modules.update({name: MagicMock() for name in ("cv2", "loguru")})
    from yolox.models import YoloPafpn, YoloxHead, YoloxModule

    def draw(name, like):  # as below

    def write(depthwise):
        channels = [256, 512, 1024]
        neck = YoloPafpn(0.33, 1 / 16, in_channels=channels, depthwise=depthwise)
        head = YoloxHead(3, 1 / 16, in_channels=channels, depthwise=depthwise)
        network = YoloxModule(neck, head)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.03
        state = network.state_dict()
        drawn = {name: torch.tensor(draw(name, each)) for name, each in state.items() if each.ndim}
        network.load_state_dict(state | drawn)
        blue_first = pictures().flip(1)
        labels = torch.zeros(2, 4, 5)  # class, center, sides
        labels[0, :3] = torch.tensor(OBJECTS)
        network.eval()
        with torch.no_grad():
            outputs = network(blue_first).flatten(0, 1).tolist()
        torch.set_default_dtype(torch.float64)
        network.double().train()
        head.use_l1 = True
        losses = network(blue_first.double(), labels.double())
        torch.set_default_dtype(torch.float32)
        names = ("iou_loss", "conf_loss", "cls_loss", "l1_loss")
        return {
            "outputs": [[float(f"{value:.6g}") for value in row] for row in outputs],
            "losses": [float(losses[name]) for name in names],
        }

    written = {"full": write(False), "depthwise": write(True)}
    written["depthwise"]["outputs"] = written["depthwise"]["outputs"][::9]
    json.dump(written, open("yolox.json", "w"), separators=(",", ":"))
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from graft.backbones.heads.layers.yolox.darknet import GRAY, CspDarknet
from graft.backbones.heads.layers.yolox.detector import Yolox
from graft.backbones.heads.layers.yolox.losses import losses
from graft.backbones.pyramids.levels import Levels

STORED = json.loads(Path(__file__).with_name("yolox.json").read_text(encoding="utf-8"))
WIDTH = 4
"""Channels of the first stage of the trunk: 1/16 of those of YOLOX-L."""
OBJECTS = [[1, 12, 30, 20, 36], [2, 16, 34, 24, 30], [0, 25, 8, 9, 11.0]]
"""Class, center and sides of the objects of the first picture; the second one has none."""


def draw(name: str, like: Tensor) -> np.ndarray:
    """Numbers for a tensor of the network, by its official name."""
    numbers = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(like.shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * np.abs(numbers)
    if like.ndim == 4:
        return 1.5 * numbers / np.sqrt(like[0].numel())
    return name.endswith("bn.weight") + 0.2 * numbers


def official_name(name: str) -> str:
    """The name of a tensor in official checkpoints."""
    if name.startswith("trunk."):
        return f"backbone.backbone.{name.removeprefix('trunk.')}"
    return f"backbone.{name.removeprefix('neck.')}" if name.startswith("neck.") else name


def pictures() -> Tensor:
    """Two pictures (2, 3, 64, 32), red first, of levels from 0 to 3: darker than any photograph."""
    numbers = np.random.RandomState(0).randint(0, 4, (2, 3, 64, 32))
    return torch.tensor(numbers, dtype=torch.float32)


@pytest.fixture(params=[False, True], ids=["full", "depthwise"])
def network(request) -> Yolox:
    trunk = CspDarknet(WIDTH, 1, request.param)
    strides, factors = (4, 8, 16, 32), (2, 4, 8, 16)
    levels = Levels((0, 1, 2, 3), strides, tuple(WIDTH * factor for factor in factors))
    network = Yolox(trunk, levels, 3, 4 * WIDTH, 1, request.param)
    state = network.state_dict()
    drawn = {
        name: torch.tensor(draw(official_name(name), each))
        for name, each in state.items()
        if each.ndim
    }
    network.load_state_dict(state | drawn)
    return network


def test_outputs_are_those_of_the_official_network(network, request):
    stored = STORED[request.node.callspec.id]["outputs"]
    with torch.no_grad():
        said = network.eval()(pictures() - GRAY)
    chances = torch.cat((said.objectness[..., None], said.logits), -1).sigmoid()
    outputs = torch.cat((said.boxes, chances), -1).flatten(0, 1)
    every = 9 if network.trunk.depthwise else 1
    # Six digits are stored; the pictures go through 30 layers in float32.
    torch.testing.assert_close(outputs[::every], torch.tensor(stored), rtol=1e-4, atol=1e-5)


def test_losses_are_those_of_the_official_network(network, request):
    """The network in float64: over maps of two pixels batch norm makes 1e-3 of a rounding.

    What it says is rounded to float32, as always.
    """
    objects = torch.tensor(OBJECTS, dtype=torch.float64)
    centers, sides = objects[:, 1:3], objects[:, 3:]
    boxes, classes = torch.zeros(2, 3, 4, dtype=torch.float64), torch.full((2, 3), -1)
    boxes[0] = torch.cat((centers - sides / 2, centers + sides / 2), 1)
    classes[0] = objects[:, 0].long()
    values = losses(network.double().train()((pictures() - GRAY).double()), boxes, classes)
    assert list(values) == ["box", "objectness", "class", "offset"]
    stored = torch.tensor(STORED[request.node.callspec.id]["losses"])
    torch.testing.assert_close(torch.stack(list(values.values())), stored, rtol=1e-5, atol=0)
