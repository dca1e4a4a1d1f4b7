"""The mean over the tokens or frames, then one linear layer."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from torch import nn

    from graft.backbones.backbone import Backbone


class Pooled(Head):
    """The mean over tokens or frames of sound, except padding, then one linear layer.

    Formula: W mean_t h_t + b = mean_t (W h_t + b), h_t the state of token t. The network is saved
    as a classifier of its library; if its head is one linear layer, the mean of its logits
    over a text are those of the text.
    When: token states say more than the one vector by which the library classifies texts.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {"sequence": frozenset({"classes"})}
    sits_on: ClassVar[str | None] = "transformers"
    solvers: ClassVar[tuple[str, ...]] = ("logistic",)

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Insert the mean before the classifier of tokens; the features are then (B, D)."""
        from torch import nn

        from graft.backbones import layer_groups
        from graft.backbones.heads.layers.masked_mean import MaskedMean

        network, (first, *others) = backbone.network, backbone.head
        mean = MaskedMean().train(network.training)
        pooled = nn.Sequential(mean, network.get_submodule(first)).train(network.training)
        network.set_submodule(first, pooled)
        # The module around the classifier is called with the mask of what the classifier reads.
        around = network.get_submodule(first.rpartition(".")[0])
        around.register_forward_pre_hook(mean.take_mask, with_kwargs=True)
        head = (f"{first}.1", *others)
        groups = layer_groups.find(network, head, backbone.preprocess.example())
        return replace(backbone, form="vector", head=head, groups=groups)

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the token classifier."""
        network, inside = copy.deepcopy(backbone.network), backbone.head[0]
        first = inside.removesuffix(".1")
        around = network.get_submodule(first.rpartition(".")[0])
        around._forward_pre_hooks.clear()
        around._forward_pre_hooks_with_kwargs.clear()
        network.set_submodule(first, network.get_submodule(inside))
        return network
