"""A mean over the tokens or frames with learned weights, then one linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from graft.backbones.heads.head import Head
from graft.base.job import Form

if TYPE_CHECKING:
    from torch import Tensor, nn

    from graft.backbones.backbone import Backbone


class AttentionPooled(Head):
    """The tokens or frames of sound weighted by a learned query, then one linear layer.

    It gives classes, or one number. Formula: W sum_t w_t h_t + b with w = softmax_t(q h_t /
    sqrt(D)), h_t the state of token t (D), padding left out; q is learned and begins as zeros, at
    the plain mean. transformers has no such layer: its classifier is saved in the folder of the
    network, q beside it in `head.safetensors`, so only Graft opens the whole.
    Source: Lin et al.: A Structured Self-attentive Sentence Embedding, arXiv:1703.03130, section 2,
    with one linear hop; Safari et al.: Self-Attention Encoding and Pooling, arXiv:2008.01077.
    When: a few frames or words decide, such as a cry in a long recording, among many that do not.
    When not: few examples, from which the weights are not learned; where the mean does as well, its
    layer is solved for in seconds.
    """

    gives: ClassVar[dict[Form, frozenset[str]]] = {
        "sequence": frozenset({"classes", "number", "parts"})
    }
    sits_on: ClassVar[str | None] = "transformers"

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        """Insert the pooling before the classifier of tokens; the features stay (B, T, D)."""
        from graft.backbones.heads.layers.attention_pooling import AttentionPooling
        from graft.backbones.heads.layers.masked_layer import first_linear, insert_layer

        return insert_layer(backbone, AttentionPooling(first_linear(backbone).in_features))

    def detach(self, backbone: Backbone) -> nn.Module:
        """Return the token classifier."""
        from graft.backbones.heads.layers.masked_layer import without_layer

        return without_layer(backbone.network, backbone.head[0].removesuffix(".0"))

    def additions(self, backbone: Backbone) -> dict[str, Tensor]:
        """Return the query."""
        path = backbone.head[0]
        state = backbone.network.get_submodule(path).state_dict(prefix=f"{path}.")
        return {name: tensor.detach().cpu() for name, tensor in state.items()}
