"""Whether a network has dropout, by the probability that its layers keep."""

from __future__ import annotations

from torch import nn

NAMES = ("p", "drop_prob", "dropout", "attention_dropout", "activation_dropout", "dropout_p")
"""The attributes in which layers of torch, torchvision, timm and transformers keep it."""


def has_dropout(network: nn.Module) -> bool:
    """Whether a layer of the network drops numbers, or whole branches, at random."""
    return any(
        isinstance(value := getattr(module, name, None), float) and 0 < value < 1
        for module in network.modules()
        for name in NAMES
    )
