"""A layer of a network and what a technique has added to it."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

MARK = ".added_"
"""What the names of added parameters contain."""


class AddedLayer(nn.Module):
    """A layer of the network, `base`, and what is added to it.

    The names of what is added begin with `added_`. Other attributes are those of the base, since
    networks look at the weights of their layers; the base may be an added layer itself.
    """

    def __init__(self, base: nn.Module):
        super().__init__()
        self.base = base

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            # A copy has no modules yet; what was added to the base is not added here as well.
            if name == "base" or name.startswith("added_"):
                raise
            return getattr(self.base, name)


def plain_layer(module: nn.Module) -> nn.Module:
    """The layer of the library, without what was added to it."""
    return plain_layer(module.base) if isinstance(module, AddedLayer) else module


def plain_path(path: str) -> str:
    """The path that a module has in its library, where nothing is added to the layers around it."""
    return re.sub(r"\.base(?=\.|$)", "", path)
