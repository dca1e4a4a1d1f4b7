"""The mean over the tokens or frames, then one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from torch import nn

    from graft.backbones.backbone import Backbone


class Pooled(Head):
    """The mean over tokens or frames of sound, except padding, then one linear layer.

    It gives classes, or one number. Formula: W mean_t h_t + b = mean_t (W h_t + b), h_t the state
    of token t. The network is saved as a classifier of its library; if its head is one linear
    layer, the means of its logits over a text are those of the text.
    When: token states say more than the one vector by which the library classifies texts.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {
        "sequence": frozenset({"classes", "number", "parts"})
    }
    sits_on: ClassVar[str | None] = "transformers"
    solvers: ClassVar[tuple[str, ...]] = ("ridge", "logistic")

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Insert the mean before the classifier of tokens; the features are then (B, D)."""
        from graft.backbones.heads.layers.masked_layer import insert_layer
        from graft.backbones.heads.layers.masked_mean import MaskedMean

        return insert_layer(backbone, MaskedMean(), form="vector")

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the token classifier."""
        from graft.backbones.heads.layers.masked_layer import without_layer

        return without_layer(backbone.network, backbone.head[0].removesuffix(".1"))
