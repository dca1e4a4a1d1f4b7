"""Finished networks on a pyramid as folders: `config.json` and the weights of the whole network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from graft.backbones.backbone import Backbone
from graft.backbones.heads.head import attach_head
from graft.backbones.preprocess.preprocess import restore_preprocess
from graft.base import files, plugins
from graft.base.errors import BackboneError
from graft.base.job import Job


def save_network(backbone: Backbone, folder: str, classes: list[str], library: str) -> None:
    """Write the network with what builds it again: the trunk, the head, and its outputs."""
    from safetensors.torch import save_file

    config = {
        "library": library,
        "head": backbone.head_name,
        **backbone.architecture,
        "classes": list(classes),
        "preprocess": backbone.preprocess.settings(),
    }
    files.write_json(Path(folder, "config.json"), config)
    weights = {name: t.contiguous() for name, t in backbone.network.state_dict().items()}
    save_file(weights, Path(folder, "model.safetensors"))


def open_network(folder: str, config: dict[str, Any], job: Job, pretrained: bool) -> Backbone:
    """Build the network of a folder for a job; tensors of the head with other shapes stay fresh.

    Raises BackboneError for a job that needs no pyramid.
    """
    from safetensors.torch import load_file

    if job.form != "pyramid":
        raise BackboneError(
            f"The model in {folder} ends in the head {config['head']!r}, and {job.id} needs "
            f"{job.form} features. Use it for detection or segmentation, or start from another "
            "backbone. See: graft list backbones"
        )
    about, settings = config["trunk"], config["preprocess"]
    size = job.size or tuple(settings["size"])
    library = plugins.load("source", about["library"])()
    trunk = library.trunk(about["name"], size, **about["arguments"])
    backbone = attach_head(config["head"], trunk, job.outputs or config["outputs"])
    backbone.preprocess = restore_preprocess(backbone.preprocess, settings).with_size(size)
    if pretrained:
        load_weights(backbone, load_file(Path(folder, "model.safetensors")))
    return backbone


def load_weights(backbone: Backbone, weights: dict[str, torch.Tensor]) -> None:
    """Load the weights; those of the head for another number of outputs are left out."""
    own = backbone.network.state_dict()
    head = set(backbone.groups[-1].tensors)
    resized = {
        name
        for name in head & set(weights)
        if name in own and weights[name].shape != own[name].shape
    }
    backbone.network.load_state_dict(
        {name: own[name] if name in resized else tensor for name, tensor in weights.items()}
    )
