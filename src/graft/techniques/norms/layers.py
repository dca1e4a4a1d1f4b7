"""The layers that normalize: those with statistics of their own, and all."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from graft.backbones.backbone import Backbone
from graft.techniques.specs.places import Place, all_but_head

NORMALIZATIONS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def is_normalization(place: Place) -> bool:
    """Whether a parameter is the scale or shift of a normalization below the new head."""
    return all_but_head(place) and isinstance(place.module, NORMALIZATIONS)


def batch_norms(network: nn.Module) -> list[_BatchNorm]:
    """The batch normalizations of a network that keep statistics."""
    return [
        module
        for module in network.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


def has_normalizations(backbone: Backbone) -> bool:
    """Whether the network has a normalization with a scale or shift."""
    return any(
        isinstance(module, NORMALIZATIONS) and list(module.parameters(recurse=False))
        for module in backbone.network.modules()
    )
