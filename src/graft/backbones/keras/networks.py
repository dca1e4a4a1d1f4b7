"""Describe translated networks of Keras as backbones, and save them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from graft.backbones import layer_groups, learning_rate
from graft.backbones.backbone import Backbone
from graft.backbones.keras.applications import MODES
from graft.backbones.keras.classifier import maps_of, split_classifier, units, with_head
from graft.backbones.keras.library import building, keras
from graft.backbones.keras.translate import module_name, translate, write_back
from graft.backbones.preprocess.preprocess import ImagePreprocess, restore_preprocess
from graft.backbones.pyramids.stages import cut_into_stages
from graft.backbones.pyramids.trunk import make_trunk
from graft.base.job import Job

SIDE = 224
"""Pixels of the pictures of a network that reads any size."""


def preprocess_of(
    mode: str, size: tuple[int, int] | None, crop: float, stretch: bool = False
) -> ImagePreprocess:
    """Return the preprocessing of a mode of Keras for pictures of this width and height.

    `crop` is the share of the sides that the network sees; `stretch` gives up their aspect ratio.
    """
    size = size or (SIDE, SIDE)
    # A translated network is an `nn.Sequential`, whose forward calls its argument `input`.
    return ImagePreprocess(
        size,
        interpolation="bilinear",
        crop=crop,
        stretch=stretch,
        input_name="input",
        **MODES[mode],
    )


def restore(settings: dict[str, Any]) -> ImagePreprocess:
    """Return the preprocessing with saved settings."""
    return restore_preprocess(preprocess_of("raw", None, 1.0), settings)


def describe(model: Any, name: str, job: Job, preprocess: ImagePreprocess) -> Backbone:
    """Return the backbone of a model: its trunk alone for a pyramid, else with a last layer.

    Raises BackboneError for a model that cannot be translated, or does not do the job.
    """
    if job.form == "pyramid":
        return _make_trunk(model, name, job.size, preprocess)
    last = split_classifier(model)[1]
    model, head = with_head(model, job.outputs)
    network = translate(model)
    path = module_name(head)
    groups = layer_groups.find(network, (path,), preprocess.example())
    width = network.get_submodule(path).in_features
    return Backbone(
        f"keras:{name}",
        "keras",
        network,
        "vector",
        (path,),
        groups,
        preprocess,
        learning_rate.usual(network, "image", width, None),
        own_head=last is not None and units(last) == (job.outputs or units(last)),
        architecture={"model": json.dumps(_in_float32(json.loads(model.to_json())))},
    )


def rebuild_trunk(
    name: str,
    size: tuple[int, int] | None,
    model: str,
    preprocess: dict[str, Any],
    seed: int,
) -> Backbone:
    """Return the trunk of an architecture in JSON, with random weights."""
    with building(seed):
        drawn = keras.models.model_from_json(model)
    return _make_trunk(drawn, name, size, restore(preprocess))


def save_model(backbone: Backbone, file: Path) -> None:
    """Write a `.keras` file that has the same outputs in Keras."""
    with building():
        model = keras.models.model_from_json(backbone.architecture["model"])
        write_back(backbone.network, model)
        model.save(file)


def _in_float32(config: Any) -> Any:
    """Return an architecture whose layers all compute in float32, as the translated network does.

    With a policy such as mixed_bfloat16 the saved model would give other logits in Keras.
    """
    if isinstance(config, list):
        return [_in_float32(value) for value in config]
    if not isinstance(config, dict):
        return config
    config = {key: _in_float32(value) for key, value in config.items()}
    if config.get("class_name") == "DTypePolicy":
        return config | {"config": {"name": "float32"}}
    is_float = isinstance(config.get("dtype"), str) and "float" in config["dtype"]
    return config | {"dtype": "float32"} if is_float else config


def _make_trunk(
    model: Any, name: str, size: tuple[int, int] | None, preprocess: ImagePreprocess
) -> Backbone:
    model = maps_of(model)
    stages = cut_into_stages(translate(model), channels_last=False)
    arguments = {"model": model.to_json(), "preprocess": preprocess.settings()}
    preprocess = preprocess if size is None else replace(preprocess, size=size)
    return make_trunk("keras", name, stages, preprocess, arguments)
