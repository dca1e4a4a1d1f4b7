"""Put a layer before the classifier of tokens or frames that knows which of them are padding."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from graft.backbones import layer_groups

if TYPE_CHECKING:
    from graft.backbones.backbone import Backbone
    from graft.base.job import Form


class MaskedLayer(nn.Module):
    """Reads hidden states (B, T, D), and the mask of them that the network around it has.

    `take_mask` is a forward pre-hook of that network, which is called with the attention mask. As a
    bound method it follows a deep copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mask: Tensor | None = None

    def pop_mask(self) -> Tensor | None:
        """Return the mask (B, T) of this forward, and forget it; None if all states count."""
        mask, self._mask = self._mask, None
        return mask

    def drop_first(self, count: int) -> None:
        """Forget the mask of the first states, which this forward does not read."""
        if self._mask is not None:
            self._mask = self._mask[:, count:]

    def take_mask(self, network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """Keep the attention mask (B, T) for this forward."""
        self._mask = args[1] if len(args) > 1 else kwargs.get("attention_mask")


def insert_layer(backbone: Backbone, layer: MaskedLayer, form: Form | None = None) -> Backbone:
    """Put the layer before the classifier of the network.

    Where the classifier was, at PATH, the layer is `PATH.0` and the classifier `PATH.1`. The head
    begins with the layer and reads the same features, unless a `form` is given: the features are
    then what the layer gives, of this form, and the head begins with the classifier.
    """
    network, (path, *others) = backbone.network, backbone.head
    layer.train(network.training)
    both = nn.Sequential(layer, network.get_submodule(path)).train(network.training)
    network.set_submodule(path, both)
    # The module around the classifier is called with the mask of what the classifier reads.
    around = network.get_submodule(path.rpartition(".")[0])
    around.register_forward_pre_hook(layer.take_mask, with_kwargs=True)
    head = (f"{path}.0", f"{path}.1", *others)[form is not None :]
    groups = layer_groups.find(network, head, backbone.preprocess.example())
    return replace(backbone, form=form or backbone.form, head=head, groups=groups)


def without_layer(network: nn.Module, path: str) -> nn.Module:
    """Return a copy of the network with the classifier alone at the path of the two."""
    network = copy.deepcopy(network)
    around = network.get_submodule(path.rpartition(".")[0])
    around._forward_pre_hooks.clear()
    around._forward_pre_hooks_with_kwargs.clear()
    network.set_submodule(path, network.get_submodule(f"{path}.1"))
    return network


def first_linear(backbone: Backbone) -> nn.Linear:
    """The first linear layer of the head."""
    modules = (m for path in backbone.head for m in backbone.network.get_submodule(path).modules())
    return next(module for module in modules if isinstance(module, nn.Linear))
