"""A toy source of networks that compute their own losses: one file is all it takes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graft.backbones import layer_groups
from graft.backbones.backbone import Backbone
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.base.job import Job
from graft.base.records import Batch

KINDS, CELLS = 2, 2
"""Kinds of objects, and objects in a picture at most."""


class ToyDetectors:
    """Three convolutions and a linear layer that finds boxes: `toy-detectors:cells`."""

    def names(self) -> list[str]:
        return ["cells"]

    def tiny(self, job: Job) -> list[str]:
        return self.names() if (job.reads, job.form) == ("image", "finished") else []

    def usual_job(self, name: str) -> Job:
        return Job("toy-boxes", "image", "finished")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        with torch.random.fork_rng(enabled=pretrained):
            if pretrained:
                torch.manual_seed(7)
            network = Cells().eval()
        # All of a picture is seen, as it is: boxes at its rim are to be found too.
        preprocess = ImagePreprocess(
            (32, 32), (0.5,) * 3, (0.5,) * 3, crop=1.0, input_name="pixels"
        )
        groups = layer_groups.find(network, ("last",), preprocess.example())
        return Backbone(
            f"toy-detectors:{name}",
            "toy-detectors",
            network,
            "finished",
            ("last",),
            groups,
            preprocess,
            lr=3e-3,
            own_head=True,
            call=call,
        )

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        Path(folder).mkdir(exist_ok=True)
        Path(folder, "config.json").write_text(json.dumps({"toy": "cells"}))
        save_file(backbone.network.state_dict(), Path(folder, "model.safetensors"))

    def owns(self, folder: str) -> bool:
        config = Path(folder, "config.json")
        return config.is_file() and json.loads(config.read_text()).get("toy") == "cells"

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        backbone = self.load("cells", job, pretrained=False)
        if pretrained:
            backbone.network.load_state_dict(load_file(Path(folder, "model.safetensors")))
        return backbone


def call(network: Cells, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
    """What the network returns, and its losses where the batch has targets."""
    raw = network(**batch.inputs)
    return raw, None if batch.target is None else network.losses(raw, batch.target)


class Cells(nn.Module):
    """(B, 3, 32, 32) -> boxes (B, CELLS, 4) and the logits (B, CELLS, KINDS + 1) of their kinds.

    The last kind is "nothing". Boxes are left, top, right and bottom as shares of the picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 16, 3, 2)
        self.third, self.last = nn.Conv2d(16, 16, 3, 2), nn.Linear(144, CELLS * (4 + KINDS + 1))

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        features = self.third(self.second(self.first(pixels).relu()).relu()).relu()
        cells = self.last(features.flatten(1)).unflatten(1, (CELLS, -1))
        return {"boxes": cells[..., :4].sigmoid(), "logits": cells[..., 4:]}

    def losses(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Both are means over examples; `target` has boxes (B, M, 4) and classes (B, M), -1 for
        padding."""
        boxes, kinds = target["boxes"], target["classes"]
        count = kinds.shape[1]
        wanted = torch.full(raw["logits"].shape[:2], KINDS, device=kinds.device)
        wanted[:, :count] = torch.where(kinds < 0, KINDS, kinds)
        apart = (raw["boxes"][:, :count].float() - boxes).abs().mean(-1) * (kinds >= 0)
        return {
            "boxes": apart.sum(1).mean(),
            "kinds": nn.functional.cross_entropy(
                raw["logits"].float().flatten(0, 1), wanted.flatten()
            ),
        }
