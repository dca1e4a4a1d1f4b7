"""Sentence encoders: features are the mean of the token states; what is saved is plain BERT."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from graft.backbones.heads.layers.masked_mean import MaskedMean

RESIDUAL = 2.0**20
"""So much larger than the states is their mean made that adding them is lost in the rounding of the
normalization."""
TANH = 2.0**-12
"""So small are the features made that tanh leaves them as they are; a power of two, so that it is
undone exactly."""
POOLING = Path("1_Pooling", "config.json")
"""The file in which sentence-transformers stores how token states become a sentence vector."""
MARK = "graft_mean_pooling_layer"
"""The key in config.json that says that the last layer is the one `to_bert_layer` added."""


class MeanPooler(MaskedMean):
    """Replaces BERT's pooler: from states (B, T, D) to their mean (B, D), standardized over D.

    Computed in float32 whatever the precision around it.
    Source: Reimers and Gurevych, arXiv:1908.10084.
    """

    def __init__(self, eps: float):
        super().__init__()
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        mean = super().forward(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            return nn.functional.layer_norm(mean, mean.shape[-1:], eps=self.eps)


def install(network: nn.Module) -> None:
    """Give a `BertFor...` network the mean pooler.

    Its hook is a bound method, so it follows a deep copy.
    """
    pooler = MeanPooler(network.config.layer_norm_eps).train(network.training)
    network.bert.pooler = pooler
    network.bert.register_forward_pre_hook(pooler.take_mask, with_kwargs=True)


def is_installed(network: nn.Module) -> bool:
    """Whether the network's sentence vector is the mean of its token states."""
    return isinstance(getattr(getattr(network, "bert", None), "pooler", None), MeanPooler)


def to_bert_layer(network: nn.Module) -> nn.Module:
    """A copy that is plain BERT: one more layer computes the mean, and the pooler passes it on.

    In that layer every query and key is zero, so attention is uniform over the unmasked tokens;
    values are the states themselves. The mean is scaled up until the residual vanishes in the
    normalization; the feed-forward part is zero.
    """
    from transformers.models.bert.modeling_bert import BertLayer, BertPooler

    bert = copy.deepcopy(network)
    bert.bert._forward_pre_hooks.clear()
    bert.bert._forward_pre_hooks_with_kwargs.clear()
    config, encoder, like = bert.config, bert.bert.encoder, bert.classifier.weight
    # New layers draw weights, and saving must not change what is drawn next.
    with torch.random.fork_rng(devices=[]):
        layer = BertLayer(config, layer_idx=len(encoder.layer)).to(like)
        pooler = BertPooler(config).to(like)
    with torch.no_grad():
        for parameter in (*layer.parameters(), *pooler.parameters()):
            parameter.zero_()
        nn.init.eye_(layer.attention.self.value.weight)
        nn.init.eye_(layer.attention.output.dense.weight).mul_(RESIDUAL)
        nn.init.ones_(layer.attention.output.LayerNorm.weight)
        nn.init.ones_(layer.output.LayerNorm.weight)
        nn.init.eye_(pooler.dense.weight).mul_(TANH)
        bert.classifier.weight.div_(TANH)
    encoder.layer.append(layer)
    bert.bert.pooler = pooler
    config.num_hidden_layers += 1
    setattr(config, MARK, True)
    return bert.eval()


def from_bert_layer(network: nn.Module) -> None:
    """Undo `to_bert_layer` in place, exactly."""
    config = network.config
    del network.bert.encoder.layer[-1]
    config.num_hidden_layers -= 1
    delattr(config, MARK)
    if network.bert.pooler is None:  # every token is classified, and the head is another one
        return
    with torch.no_grad():
        network.classifier.weight.mul_(TANH)
    install(network)


def is_used_in(folder: str) -> bool:
    """Whether sentence-transformers saved the network in the folder, or on the hub, with it."""
    from transformers.utils import cached_file

    quietly = {
        "_raise_exceptions_for_missing_entries": False,
        "_raise_exceptions_for_connection_errors": False,
    }
    file = cached_file(folder, POOLING.as_posix(), **quietly)
    return file is not None and json.loads(Path(file).read_text(encoding="utf-8")).get(
        "pooling_mode_mean_tokens", False
    )
