"""Finished networks on a pyramid as folders: `config.json` and the weights of the whole network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graft.backbones.backbone import Backbone
from graft.backbones.heads.head import attach_head, head_of
from graft.backbones.preprocess.preprocess import restore_preprocess
from graft.backbones.pyramids.classes import adapt_classes
from graft.base import files, plugins
from graft.base.errors import BackboneError
from graft.base.job import Job

if TYPE_CHECKING:
    from torch import Tensor

    Weights = dict[str, Tensor]


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


def read_weights(folder: str) -> Weights:
    """The tensors of a folder that `save_network` wrote."""
    from safetensors.torch import load_file

    return load_file(Path(folder, "model.safetensors"))


def open_network(
    folder: str,
    config: dict[str, Any],
    job: Job,
    pretrained: bool,
    read: Callable[[str], Weights] = read_weights,
) -> Backbone:
    """Build the network of a folder for a job.

    Under a new head, tensors with other shapes stay as they are drawn. A finished network keeps
    what it knows of the classes: see `adapt_classes`. `read` reads the tensors of the folder, if
    they are wanted. Raises BackboneError for a job that needs neither.
    """
    if job.form not in ("pyramid", "finished"):
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
    backbone.form = job.form
    if not pretrained:
        return backbone
    weights = read(folder)
    if job.form == "finished" and tuple(config["classes"]) != job.classes:
        rows = head_of(backbone).rows_of_classes
        weights = adapt_classes(backbone, rows, weights, config["classes"], job.classes)
    load_weights(backbone, weights)
    return backbone


def load_weights(backbone: Backbone, weights: Weights) -> None:
    """Load the weights; those of the head for another number of outputs are left out."""
    initial = backbone.network.state_dict()
    head = tuple(f"{path}." for path in backbone.head)  # by path: tied tensors have several names
    resized = {
        name: initial[name]
        for name in initial
        if name.startswith(head) and name in weights and weights[name].shape != initial[name].shape
    }
    backbone.network.load_state_dict(weights | resized)
