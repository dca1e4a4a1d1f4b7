"""Put a layer before the classifier of tokens or frames that makes one vector of all of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from graft.backbones.backbone import Backbone


class MaskedPooling(nn.Module):
    """Hidden states (B, T, D) to one vector (B, D) of those that the mask of a forward leaves.

    `take_mask` is a forward pre-hook of the network around it, which knows the attention mask. As a
    bound method it follows a deep copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self._mask: Tensor | None = None

    def pop_mask(self) -> Tensor | None:
        """Return the mask (B, T) of this forward, and forget it; None if all states count."""
        mask, self._mask = self._mask, None
        return mask

    def take_mask(self, network: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        """Keep the attention mask (B, T) for this forward."""
        self._mask = args[1] if len(args) > 1 else kwargs.get("attention_mask")


def insert_pooling(backbone: Backbone, pooling: MaskedPooling) -> str:
    """Put the pooling before the classifier of the network; return the path of the two.

    The pooling is then `PATH.0`, the classifier `PATH.1`.
    """
    network, path = backbone.network, backbone.head[0]
    pooling.train(network.training)
    pooled = nn.Sequential(pooling, network.get_submodule(path)).train(network.training)
    network.set_submodule(path, pooled)
    # The module around the classifier is called with the mask of what the classifier reads.
    around = network.get_submodule(path.rpartition(".")[0])
    around.register_forward_pre_hook(pooling.take_mask, with_kwargs=True)
    return path


def without_pooling(network: nn.Module, path: str) -> nn.Module:
    """Return a copy of the network with the classifier alone at the path of the two."""
    network = copy.deepcopy(network)
    around = network.get_submodule(path.rpartition(".")[0])
    around._forward_pre_hooks.clear()
    around._forward_pre_hooks_with_kwargs.clear()
    network.set_submodule(path, network.get_submodule(f"{path}.1"))
    return network
