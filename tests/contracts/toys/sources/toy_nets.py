"""A toy source with a library of its own: one file is all it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graft.backbones import layer_groups
from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.job import Job


class ToyNets:
    """Three convolutions and a linear layer: `toy-nets:small`."""

    def names(self) -> list[str]:
        return ["small"]

    def tiny(self, job: Job) -> list[str]:
        return self.names() if (job.reads, job.form) == ("image", "vector") else []

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "vector")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        with torch.random.fork_rng():
            if pretrained:
                torch.manual_seed(7)
            network = Small(job.outputs or 10).eval()
        if not pretrained:
            network = Small(job.outputs or 10).eval()
        preprocess = ImagePreprocess(
            (16, 16), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), input_name="pixels"
        )
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

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "config.json").write_text(
            json.dumps({"toy": "small", "classes": len(classes)})
        )
        save_file(backbone.network.state_dict(), Path(folder, "model.safetensors"))

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and "toy" in json.loads(config.read_text())

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        saved = json.loads(Path(folder, "config.json").read_text())["classes"]
        job = replace(job, outputs=job.outputs or saved)
        backbone = self.load("small", job, pretrained=False)
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
