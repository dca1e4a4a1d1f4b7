"""A toy source with a library of its own: one file is all it takes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graft.backbones import layer_groups
from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess


class ToyNets:
    """Three convolutions and a linear layer: `toy-nets:small`."""

    def names(self) -> list[str]:
        return ["small"]

    def tiny(self, task: str) -> list[str]:
        return self.names() if task.startswith("image-") else []

    def load(self, name: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        with torch.random.fork_rng():
            if pretrained:
                torch.manual_seed(7)
            network = Small(classes or 10).eval()
        if not pretrained:
            network = Small(classes or 10).eval()
        preprocess = ImagePreprocess(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), input_name="pixels")
        groups = layer_groups.find(network, ("last",), preprocess.example())
        return Backbone(
            f"toy-nets:{name}",
            "toy-nets",
            network,
            "vector",
            ("last",),
            groups,
            preprocess,
            lr=1e-3,
        )

    def save(self, backbone: Backbone, folder: str, classes: list[str], multi_label: bool) -> None:
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "config.json").write_text(
            json.dumps({"toy": "small", "classes": len(classes)})
        )
        save_file(backbone.network.state_dict(), Path(folder, "model.safetensors"))

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "toy" in json.loads(config.read_text())

    def open(self, folder: str, task: str, classes: int | None, pretrained: bool) -> Backbone:
        saved = json.loads(Path(folder, "config.json").read_text())["classes"]
        backbone = self.load("small", task, classes or saved, pretrained=False)
        if pretrained:
            weights = load_file(Path(folder, "model.safetensors"))
            own = backbone.network.state_dict()
            backbone.network.load_state_dict(
                {k: v if v.shape == own[k].shape else own[k] for k, v in weights.items()}
            )
        return backbone


class Small(nn.Module):
    """(B, 3, 16, 16) -> (B, classes)."""

    def __init__(self, classes: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 8, 3, 2)
        self.third, self.last = nn.Conv2d(8, 16, 3), nn.Linear(16, classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.third(self.second(self.first(pixels).relu()).relu()).relu()
        return self.last(features.mean((2, 3)))
