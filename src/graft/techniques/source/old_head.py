"""The head that a network was pretrained with, on the features of the network that is adapted."""

from __future__ import annotations

from torch import Tensor, nn

from graft.backbones.backbone import Backbone
from graft.backbones.beside import under_own_head
from graft.base.errors import BackboneError, BadValue
from graft.base.job import Job
from graft.techniques.specs.checks import check_vectors


class OldHead(nn.Module):
    """Features (B, D) to the logits (B, K) of the classes of the pretraining; it does not train."""

    def __init__(self, backbone: Backbone, technique: str):
        super().__init__()
        whole = open_old_head(backbone, technique)
        self.reads_tokens = whole.token is not None
        layers = (whole.network.get_submodule(path) for path in whole.head)
        self.layers = nn.Sequential(*layers).eval().requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        if not self.reads_tokens:
            return self.layers(features)
        logits = self.layers(features[:, None])  # as of a text of one token
        return logits[:, 0] if logits.dim() == 3 else logits

    def train(self, mode: bool = True) -> OldHead:
        """Stay in evaluation mode."""
        return super().train(False)


def open_old_head(backbone: Backbone, technique: str) -> Backbone:
    """Return the network under its pretrained head.

    Raises BadValue, in the name of the technique, if the head is not known, or if it is more than
    one layer on one vector of features an example.
    """
    check_vectors(technique, backbone, "'l2-sp'")
    reads = backbone.preprocess.reads
    try:
        if reads == "audio":
            raise BackboneError("the pretrained head of a network for sounds reads frames.")
        whole = under_own_head(backbone, Job("the classes of the pretraining", reads, "vector"))
    except BackboneError as reason:
        raise BadValue(
            f"{technique!r} is not made for {backbone.name}: {reason} Or use 'l2-sp', which needs "
            "no pretrained head."
        ) from reason
    modules = [whole.network.get_submodule(path) for path in whole.head]
    if sum(not isinstance(module, nn.Dropout | nn.Identity) for module in modules) > 1:
        raise BadValue(
            f"{technique!r} reads what one pretrained layer makes of features, and the head of "
            f"{backbone.name} has several: {', '.join(whole.head)}. Use 'l2-sp'."
        )
    return whole
