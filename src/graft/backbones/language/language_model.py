"""The trunk of a network under the head of a language model."""

from __future__ import annotations

from graft.backbones.adapters.layer import plain_layer
from graft.backbones.backbone import Backbone
from graft.backbones.beside import beside
from graft.base.errors import BackboneError, BadValue, GraftError
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
        language = beside(backbone, Job(f"{form} language modeling", "text", form))
    except GraftError as reason:
        raise BadValue(f"{technique!r} is not made for {backbone.name}: {reason}") from reason
    network = language.network
    if network.config.is_encoder_decoder:
        raise BadValue(
            f"{technique!r} is not made for {backbone.name}, which is an encoder with a decoder. "
            "Use 'lora' or 'full-fine-tuning'."
        )
    # As `language` has it: with kept keys, texts in packs are not separated.
    network.base_model.config.use_cache = False
    return language


def share_base(whole: Backbone, backbone: Backbone) -> None:
    """Let one network of transformers have the base of another one.

    Raises BackboneError where the base is another one under another head, as of T5.
    """
    ours, given = whole.network, backbone.network
    base = plain_layer(given.base_model)
    if type(ours.base_model) is not type(base):
        raise BackboneError(
            f"{backbone.name} has other layers under {type(ours).__name__} than under "
            f"{type(given).__name__}. Use an encoder or a decoder alone."
        )
    setattr(ours, ours.base_model_prefix, base)
    ours.tie_weights()  # by the names of tensors in the library
    setattr(ours, ours.base_model_prefix, given.base_model)
