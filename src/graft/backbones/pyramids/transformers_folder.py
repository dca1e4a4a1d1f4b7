"""Detectors of transformers as folders, and whole ones that others trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.language.quiet import quiet
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.classes import adapt_classes
from graft.backbones.pyramids.levels import Levels
from graft.backbones.pyramids.saved import load_weights, open_network
from graft.backbones.pyramids.transformers_detector import STRIDES
from graft.backbones.pyramids.transformers_network import start_norms_at_one
from graft.base import files, plugins
from graft.base.errors import BackboneError
from graft.base.job import Job

if TYPE_CHECKING:
    from graft.backbones.pyramids.transformers_detector import TransformersDetector

MODELS = {"rt_detr_v2": "rt-detr-v2", "d_fine": "d-fine"}
"""The head that a network of transformers ends in, by the kind that its config names."""
PROCESSOR = "preprocessor_config.json"
TRUNK = "model.backbone.model"
"""Where the trunk is in networks that others trained."""


def save_detector(backbone: Backbone, folder: str, classes: list[str]) -> None:
    """Write transformers' own folder, with the names of the classes and an image processor.

    `AutoModelForObjectDetection` and `AutoImageProcessor` open it.
    """
    from transformers import RTDetrImageProcessor

    p = backbone.preprocess
    width, height = p.size
    processor = RTDetrImageProcessor(
        size={"max_width": width, "max_height": height},
        pad_size={"width": width, "height": height},
        do_pad=True,
        do_normalize=True,
        image_mean=list(p.mean),
        image_std=list(p.std),
    )
    write_folder(backbone.network, processor, folder, classes)


def write_folder(network: Any, processor: Any, folder: str, classes: list[str]) -> None:
    """Write a network of transformers, the names of its classes, and its image processor."""
    network.config.id2label = dict(enumerate(classes))
    network.config.label2id = {name: number for number, name in enumerate(classes)}
    with quiet():
        network.save_pretrained(folder)
        processor.save_pretrained(folder)


def read_detector(folder: str, config: Any) -> dict[str, Any]:
    """What `open_network` needs to know of a folder that `save_detector` wrote."""
    pictures = files.read_json(Path(folder, PROCESSOR), "a folder of transformers")
    size = pictures.get("pad_size") or pictures["size"]
    return {
        "head": MODELS[config.model_type],
        "outputs": config.num_labels,
        "classes": names_of_classes(config),
        "trunk": {"library": "timm", "name": config.backbone_config.backbone, "arguments": {}},
        "preprocess": {
            "size": (size["width"], size["height"]),
            "mean": pictures["image_mean"],
            "std": pictures["image_std"],
        },
    }


def names_of_classes(config: Any) -> list[str]:
    """The names of the classes in the order of the outputs."""
    return [config.id2label[number] for number in range(config.num_labels)]


def read_tensors(folder: str) -> dict[str, Tensor]:
    """The tensors of a folder of transformers, by the names that they have in the network.

    In the files some have older names, and of tied ones there is one.
    """
    from transformers import AutoModelForObjectDetection

    options = {"dtype": torch.float32, "freeze_backbone_batch_norms": False}
    with quiet():
        network = AutoModelForObjectDetection.from_pretrained(folder, **options)
    return network.state_dict()


def open_detector(folder: str, config: Any, job: Job, pretrained: bool) -> Backbone:
    """Open a detector, from a folder or the hub, for a job.

    One over a trunk of timm gives its trunk to other heads too; others are opened whole. Raises
    BackboneError for a network of another kind.
    """
    if config.model_type not in MODELS:
        raise BackboneError(
            f"{folder} is of the kind {config.model_type!r}. Of transformers' networks for "
            f"pictures, Graft opens {' and '.join(MODELS)}, and with head=own those that give "
            "masks, as segformer. For others use 'timm:NAME'."
        )
    if config.backbone_config.model_type == "timm_backbone" and Path(folder).is_dir():
        return open_network(folder, read_detector(folder, config), job, pretrained, read_tensors)
    if job.form != "finished":
        raise BackboneError(
            f"{folder} is a whole detector, whose trunk takes no other head: use it with head=own, "
            "or 'timm:NAME' as a trunk."
        )
    return _open_whole(folder, config, job, pretrained)


def _open_whole(folder: str, config: Any, job: Job, pretrained: bool) -> Backbone:
    """Open a network with the trunk that transformers has for it; it keeps what it knows."""
    from transformers import AutoImageProcessor, AutoModelForObjectDetection

    known = names_of_classes(config)
    config.freeze_backbone_batch_norms = False  # whether to freeze them is for the technique to say
    config.num_labels = job.outputs
    head: TransformersDetector = plugins.load("head", MODELS[config.model_type])()
    with quiet():
        network = AutoModelForObjectDetection.from_config(config).eval()
        processor = AutoImageProcessor.from_pretrained(folder)
    start_norms_at_one(network)
    network.model.backbone = WholeTrunk(network.model.backbone.model)
    preprocess = _preprocess(processor, job.size)
    backbone = Backbone(
        f"transformers:{folder}",
        "transformers",
        network,
        job.form,
        head.paths,
        layer_groups.find(network, head.paths, preprocess.example(), head.call),
        preprocess,
        learning_rate.usual(network, "image", config.d_model, None),
        own_head=True,
        head_name=MODELS[config.model_type],
        architecture={"outputs": job.outputs},
        call=head.call,
        compared=head.compared,
        levels=Levels((0, 1, 2), STRIDES, tuple(config.encoder_in_channels)),
        trunk=TRUNK,
    )
    if pretrained:
        weights = read_tensors(folder)
        if tuple(known) != job.classes:
            weights = adapt_classes(backbone, head.rows_of_classes, weights, known, job.classes)
        load_weights(backbone, weights)
    return backbone


class WholeTrunk(nn.Module):
    """A trunk of transformers, whose pyramid passes through a module of its own."""

    def __init__(self, trunk: nn.Module):
        super().__init__()
        self.model = trunk
        self.pyramid = nn.Identity()

    def forward(self, pixels: Tensor, mask: Tensor) -> list[tuple[Tensor, None]]:
        """The levels, each with a mask, which no network of these reads."""
        return [(level, None) for level in self.pyramid(tuple(self.model(pixels).feature_maps))]


def _preprocess(processor: Any, size: tuple[int, int] | None) -> ImagePreprocess:
    """What the network was trained on, at another width and height if they are given."""
    pixels = processor.pad_size or processor.size
    size = size or (pixels["width"], pixels["height"])
    mean, std = processor.image_mean, processor.image_std
    return ImagePreprocess(
        size=size,
        mean=tuple(mean) if processor.do_normalize else (0.0,) * 3,
        std=tuple(std) if processor.do_normalize else (1.0,) * 3,
        interpolation="bilinear",
        crop=1.0,
        input_name="pixel_values",
    ).with_size(size)
