"""Networks that segmentation-models-pytorch saves: decoders of masks over networks of timm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graft.backbones.backbone import Backbone
from graft.backbones.hub import hub
from graft.backbones.pyramids.saved import open_network
from graft.backbones.pyramids.segmentation_decoder import ENCODER, SegmentationDecoder
from graft.base import files, plugins
from graft.base.errors import BackboneError
from graft.base.job import Job

CONFIG, WEIGHTS, ABOUT = "config.json", "model.safetensors", "preprocess.json"
"""The files of that library, and what it has no place for: the preprocessing and the classes."""
KIND = "_model_class"
"""The key of the configuration that has the class of the network."""


class SegmentationModels:
    """Networks of segmentation-models-pytorch from the hub: `segmentation-models:OWNER/NAME`.

    They are of the heads unet, unet-plus-plus, fpn, deeplab-v3 and deeplab-v3-plus, over encoders
    of timm. Folders that the library saved are opened by their path.

    Example: graft fit leaves -b segmentation-models:smp-test-models/unet-tu-resnet18
    """

    def names(self) -> list[str]:
        return []

    def usual_job(self, name: str) -> Job:
        return Job("features", "image", "pyramid")

    def load(self, name: str, job: Job, pretrained: bool) -> Backbone:
        """Raises BackboneError if the network cannot be had or does not do the job."""
        from huggingface_hub import snapshot_download

        with hub(f"segmentation-models:{name}"):
            folder = snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS, ABOUT])
        backbone = self.open(folder, job, pretrained)
        backbone.name = f"segmentation-models:{name}"
        return backbone

    def tiny(self, job: Job) -> list[str]:
        return []

    def save(
        self, backbone: Backbone, folder: str, classes: list[str], problem: str | None
    ) -> None:
        """The library's own folder, as `segmentation_models_pytorch.from_pretrained` opens it."""
        backbone.network.save_pretrained(folder)
        about = {"preprocess": backbone.preprocess.settings(), "classes": list(classes)}
        files.write_json(Path(folder, ABOUT), about)

    def owns(self, folder: str) -> bool:
        config = Path(folder, CONFIG)
        return config.is_file() and KIND in json.loads(config.read_text(encoding="utf-8"))

    def open(self, folder: str, job: Job, pretrained: bool) -> Backbone:
        """Raises BackboneError for a job without masks, or networks of other kinds or encoders."""
        return open_network(folder, _describe(folder, job), job, pretrained)


def _describe(folder: str, job: Job) -> dict[str, Any]:
    """What builds the network of a folder again; of one that others saved, as timm reads pictures.

    Raises BackboneError for networks of other kinds or encoders.
    """
    config = files.read_json(Path(folder, CONFIG), "a folder of segmentation-models-pytorch")
    head, file = _head_of(config, folder), Path(folder, ABOUT)
    name, arguments = config["encoder_name"].removeprefix(ENCODER), _encoder_arguments(config, head)
    if file.is_file():
        about = files.read_json(file, "a folder of Graft's")
    else:
        trunk = plugins.load("source", "timm")().trunk(name, job.size, **arguments)
        numbers = [str(number) for number in range(config["classes"])]
        about = {"preprocess": trunk.preprocess.settings(), "classes": numbers}
    return {
        "head": plugins.name_of(head),
        "trunk": {"library": "timm", "name": name, "arguments": arguments},
        "outputs": config["classes"],
        **about,
    }


def _head_of(config: dict[str, Any], folder: str) -> type[SegmentationDecoder]:
    """The head that makes such networks; raises BackboneError if there is none."""
    every = [plugins.load("head", name) for name in plugins.names("head")]
    heads = {h.architecture: h for h in every if issubclass(h, SegmentationDecoder)}
    kind, encoder = config[KIND], config["encoder_name"]
    if kind not in heads:
        raise BackboneError(
            f"{folder} holds a {kind}. Networks of segmentation-models-pytorch that Graft knows: "
            f"{', '.join(heads)}."
        )
    if not encoder.startswith(ENCODER):
        raise BackboneError(
            f"{folder} holds a {kind} over {encoder!r}, an encoder of that library itself. "
            f"Graft knows those of timm: {ENCODER}{encoder}."
        )
    return heads[kind]


def _encoder_arguments(config: dict[str, Any], head: type[SegmentationDecoder]) -> dict[str, Any]:
    """What the encoder was given beside what the network's class takes."""
    import inspect

    import segmentation_models_pytorch as smp

    network = getattr(smp, head.architecture)
    known = inspect.signature(inspect.unwrap(network.__init__)).parameters
    return {
        name: value
        for name, value in config.items()
        if name not in known and not name.startswith("_")
    }
