"""The trunk of a network under the head of a language model."""

from __future__ import annotations

from dataclasses import replace

from graft.backbones.backbone import Backbone
from graft.backbones.load import load_backbone
from graft.base.errors import BadValue, GraftError
from graft.base.job import READS, Form, Job


def language_model(backbone: Backbone, form: Form, technique: str) -> Backbone:
    """A `masked` or `causal` language model around the trunk of `backbone`, so that both learn.

    Its head is the checkpoint's own, else a fresh one: see `Backbone.own_head`. If the two are
    tied, the head's output layer is the trunk's token embeddings. Raises BadValue, in the name of
    the technique, if there is no such network.
    """
    reads = backbone.preprocess.reads
    if reads != "text":
        raise BadValue(
            f"{technique!r} reads texts, and {backbone.name} reads {READS[reads]}. Use a technique "
            f"for {READS[reads]}, such as 'lp-ft' or 'lora'."
        )
    try:
        language = load_backbone(backbone.name, Job(f"{form} language modeling", "text", form))
    except GraftError as reason:
        raise BadValue(f"{technique!r} is not made for {backbone.name}: {reason}") from reason
    network = language.network
    if network.config.is_encoder_decoder:
        raise BadValue(
            f"{technique!r} is not made for {backbone.name}, which is an encoder with a decoder. "
            "Use 'lora' or 'full-fine-tuning'."
        )
    setattr(network, network.base_model_prefix, backbone.network.base_model)
    # As `language` has it: with kept keys, texts in packs are not separated.
    network.base_model.config.use_cache = False
    network.tie_weights()
    return replace(language, lr=backbone.lr)
