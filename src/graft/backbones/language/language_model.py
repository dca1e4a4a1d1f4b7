"""The trunk of a network under the head of a language model."""

from __future__ import annotations

from dataclasses import replace

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue, GraftError


def language_model(backbone: Backbone, task: str, technique: str) -> Backbone:
    """A network for `fill-mask` or `text-generation` whose trunk is that of `backbone` itself, so that both learn.

    Its head is the checkpoint's own, else a fresh one: see `Backbone.own_head`. Where the two are tied, the head's output
    layer is the trunk's token embeddings. Raises BadValue, in the name of the technique, where there is no such network.
    """
    if backbone.preprocess.modality != "text":
        raise BadValue(
            f"{technique!r} reads texts, and {backbone.name} reads {backbone.preprocess.modality}s."
        )
    try:
        found = load_backbone(backbone.name, task)
    except GraftError as reason:
        raise BadValue(f"{technique!r} is not made for {backbone.name}: {reason}") from reason
    network = found.network
    if network.config.is_encoder_decoder:
        raise BadValue(
            f"{technique!r} is not made for {backbone.name}, which is an encoder with a decoder."
        )
    setattr(network, network.base_model_prefix, backbone.network.base_model)
    network.base_model.config.use_cache = (
        False  # as `found` has it: beside kept keys, texts in packs are not told apart
    )
    network.tie_weights()
    return replace(found, lr=backbone.lr)
