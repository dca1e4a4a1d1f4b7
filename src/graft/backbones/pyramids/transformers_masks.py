"""Whole networks of transformers that give the class of each pixel: SegFormer and others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.language.quiet import quiet
from graft.backbones.preprocess.preprocess import ImagePreprocess
from graft.backbones.pyramids.classes import adapt_classes
from graft.backbones.pyramids.saved import load_weights
from graft.backbones.pyramids.transformers_folder import write_folder
from graft.base.counts import plural
from graft.base.errors import BackboneError, listed
from graft.base.job import Job
from graft.base.records import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (512, 512)
"""Width and height of the input unless the job sets them."""


def gives_masks(config: Any) -> bool:
    """Whether transformers has a class of networks that give masks for this config."""
    from transformers import AutoModelForSemanticSegmentation

    return type(config) in AutoModelForSemanticSegmentation._model_mapping


def open_masks(folder: str, config: Any, job: Job, pretrained: bool) -> Backbone:
    """Open a whole network, from a folder or the hub, for the classes of the job.

    Without any it keeps its own. The head of a folder that holds a trunk alone is new. Raises
    BackboneError for a network that does not read pictures of this size, or reads their colors
    otherwise.
    """
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    known = [config.id2label[number] for number in range(config.num_labels)]
    wanted = copy.deepcopy(config)
    wanted.num_labels = job.outputs or config.num_labels
    with quiet():
        network = AutoModelForSemanticSegmentation.from_config(wanted, dtype=torch.float32).eval()
        processor = AutoImageProcessor.from_pretrained(folder)
    preprocess = _preprocess(folder, processor, job.size or SIZE)
    head = _head_paths(network)
    trunk = next(path for path, _ in network.named_children() if path not in head)
    backbone = Backbone(
        f"transformers:{folder}",
        "transformers",
        network,
        job.form,
        head,
        _groups(folder, network, head, preprocess),
        preprocess,
        learning_rate.usual(network.get_submodule(trunk), "image", 0, None),
        own_head=True,
        call=run,
        trunk=trunk,
    )
    if pretrained:
        _load(backbone, folder, config, known, job.classes)
    return backbone


def save_masks(backbone: Backbone, folder: str, classes: list[str]) -> None:
    """Write transformers' own folder, with the names of the classes and an image processor.

    `AutoModelForSemanticSegmentation` and `AutoImageProcessor` open it.
    """
    from transformers import SegformerImageProcessor

    p = backbone.preprocess
    width, height = p.size
    processor = SegformerImageProcessor(
        size={"height": height, "width": width},
        do_reduce_labels=False,
        image_mean=list(p.mean),
        image_std=list(p.std),
    )
    write_folder(backbone.network, processor, folder, classes)


def run(network: nn.Module, batch: Batch) -> tuple[Tensor, None]:
    """The logits (B, classes, H, W) of each pixel of the input."""
    (pictures,) = batch.inputs.values()
    logits = network(pixel_values=pictures).logits
    size = pictures.shape[-2:]
    return nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False), None


def _load(backbone: Backbone, folder: str, config: Any, known: list[str], wanted: tuple) -> None:
    """Load the weights of a folder into the network, and note what they lack."""
    from transformers import AutoModelForSemanticSegmentation as Masks

    with quiet():
        network, loading = Masks.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
    missing = set(loading["missing_keys"])
    weights = {name: tensor for name, tensor in network.state_dict().items() if name not in missing}
    rows = _rows_of_classes(config)
    if missing:
        backbone.notes.append(
            f"{folder} lacks {plural(len(missing), 'tensor')} of the network, which are drawn at "
            f"random: {listed(sorted(missing), 4)}."
        )
    knows_classes = any(
        rows(name, len(tensor), len(known)) is not None
        for name, tensor in weights.items()
        if tensor.dim()
    )
    if knows_classes and wanted not in ((), tuple(known)):
        weights = adapt_classes(backbone, rows, weights, known, wanted)
    load_weights(backbone, backbone.network.state_dict() | weights)


def _rows_of_classes(config: Any) -> Callable[[str, int, int], NDArray | None]:
    """What says which rows of a tensor belong to classes: those that grow with their number."""
    from transformers import AutoModelForSemanticSegmentation

    wider = copy.deepcopy(config)
    wider.num_labels = config.num_labels + 1
    with quiet(), torch.device("meta"):
        shapes, others = (
            {name: tensor.shape for name, tensor in network.state_dict().items()}
            for network in map(AutoModelForSemanticSegmentation.from_config, (config, wider))
        )
    names = {name for name, shape in shapes.items() if shape != others[name]}

    def rows_of_classes(tensor: str, num_rows: int, outputs: int) -> NDArray | None:
        return np.arange(outputs)[:, None] if tensor in names else None

    return rows_of_classes


def _head_paths(network: nn.Module) -> tuple[str, ...]:
    """The modules beside the trunk: of some networks it has a name, of others it comes first."""
    children = dict(network.named_children())
    trunk = (
        network.base_model if network.base_model is not network else next(iter(children.values()))
    )
    return tuple(path for path, module in children.items() if module is not trunk)


def _groups(
    folder: str, network: nn.Module, head: tuple[str, ...], preprocess: ImagePreprocess
) -> list[Any]:
    try:
        return layer_groups.find(network, head, preprocess.example(), run)
    except (RuntimeError, ValueError) as error:
        width, height = preprocess.size
        raise BackboneError(
            f"{folder} does not read pictures of {width} x {height} pixels: {error}. Set the "
            "option size of the task to what it was made for, or use a network that reads any "
            "size, such as transformers:nvidia/segformer-b0-finetuned-ade-512-512."
        ) from error


def _preprocess(folder: str, processor: Any, size: tuple[int, int]) -> ImagePreprocess:
    """What the network was trained on, at this width and height."""
    if getattr(processor, "do_flip_channel_order", False):
        raise BackboneError(
            f"{folder} reads the colors of a picture in the order blue, green, red, and Graft "
            "gives red first. Use another network, such as "
            "transformers:nvidia/segformer-b0-finetuned-ade-512-512."
        )
    is_normalized = getattr(processor, "do_normalize", False)
    return ImagePreprocess(
        size=size,
        mean=tuple(processor.image_mean) if is_normalized else (0.0,) * 3,
        std=tuple(processor.image_std) if is_normalized else (1.0,) * 3,
        interpolation="bilinear",
        crop=1.0,
        input_name="pixel_values",
    ).with_size(size)
