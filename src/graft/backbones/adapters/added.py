"""Layers that a technique adds to a network and that stay in it: no weight can hold what they do.

Map: a technique calls `add` with the settings of a layer for each path. The network then has an
`AddedLayer` in place of each of these layers, and `Backbone.added` the settings as JSON. To save
it, `folder` writes the network `without_added`, and `tensors_of` the layers beside it; to open it,
it adds the layers again and calls `load`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.adapters.bottleneck import Bottleneck
from graft.backbones.adapters.layer import AddedLayer
from graft.backbones.adapters.prefix import PrefixedAttention
from graft.backbones.adapters.prompted_stack import PromptedStack
from graft.backbones.adapters.prompts import PromptedBlock
from graft.backbones.backbone import Backbone
from graft.base.errors import BackboneError

KINDS: dict[str, type[AddedLayer]] = {
    "bottleneck": Bottleneck,
    "prompts": PromptedBlock,
    "prefix": PrefixedAttention,
    "input-tokens": PromptedStack,
}


def add(backbone: Backbone, kind: str, layers: dict[str, dict[str, Any]]) -> None:
    """Put an added layer in place of the layer at each path, made with these settings.

    Raises BackboneError if the network has no such layer.
    """
    network = backbone.network
    for path, settings in layers.items():
        try:
            base = network.get_submodule(path)
        except AttributeError as error:
            raise _for_another(backbone, f"which has no layer {path!r}") from error
        layer = KINDS[kind](base, **settings).train(base.training)
        network.set_submodule(path, layer)
    backbone.added.append({"kind": kind, "layers": layers})


@contextmanager
def try_out(backbone: Backbone, kind: str, layers: dict[str, dict[str, Any]]) -> Iterator[None]:
    """While this lasts the network has such layers, as they are before training."""
    network, before = backbone.network, list(backbone.added)
    plain = {path: network.get_submodule(path) for path in layers}
    try:
        with torch.random.fork_rng(devices=[]):  # they begin with random numbers
            add(backbone, kind, layers)
        yield
    finally:
        for path, layer in plain.items():
            network.set_submodule(path, layer)
        backbone.added[:] = before


def load(backbone: Backbone, tensors: dict[str, Tensor]) -> None:
    """Load what was trained of the added layers.

    Raises BackboneError for the tensors of another network.
    """
    expected = tensors_of(backbone.network)
    shapes = {name: tensor.shape for name, tensor in expected.items()}
    given = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != given:
        name = min(name for name in {**shapes, **given} if shapes.get(name) != given.get(name))
        sizes = [tuple(of[name]) if name in of else "absent" for of in (given, shapes)]
        raise _for_another(backbone, f"in which {name} is {sizes[1]} and not {sizes[0]}")
    backbone.network.load_state_dict(tensors, strict=False)


def count_prompts(backbone: Backbone) -> int:
    """The learned tokens that take positions before those of a text."""
    prompts = [record["layers"] for record in backbone.added if record["kind"] == "input-tokens"]
    return sum(settings["tokens"] for layers in prompts for settings in layers.values())


def tensors_of(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of added layers, by their names in the network."""
    return {
        f"{path}.{name}": tensor
        for path, layer in added_layers(network)
        for name, tensor in layer.state_dict().items()
        if not name.startswith("base.")
    }


def added_layers(network: nn.Module) -> list[tuple[str, AddedLayer]]:
    """The added layers with their paths; one that holds another comes before it."""
    modules = network.named_modules()
    return [(path, module) for path, module in modules if isinstance(module, AddedLayer)]


@contextmanager
def without_added(network: nn.Module) -> Iterator[None]:
    """While this lasts the network is that of its library, without what was added."""
    layers = added_layers(network)
    for path, layer in reversed(layers):  # what stands inside of others first
        network.set_submodule(path, layer.base)
    try:
        yield
    finally:
        for path, layer in layers:
            network.set_submodule(path, layer)


def _for_another(backbone: Backbone, reason: str) -> BackboneError:
    return BackboneError(
        f"The added layers are not those of {backbone.name}, {reason}. Use the network that they "
        "were trained in."
    )
