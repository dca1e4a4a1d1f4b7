"""Layers that a technique adds to a network and that stay in it: no weight can hold what they do.

Map: a technique calls `add` with the settings of a layer for each path. The network then has an
`AddedLayer` in place of each of these layers, and `Backbone.added` the settings as JSON. To save
it, `folder` writes the network `without_added`, and `tensors_of` the layers beside it; to open it,
it adds the layers again and calls `load`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone
from graft.base.errors import BackboneError

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


class Bottleneck(AddedLayer):
    """Add to the output h (..., D) of a linear layer what a narrow network makes of it.

    Formula: h + W_up gelu(W_down h + b_down) + b_up, with W_up = 0 and b_up = 0 at the start.
    """

    def __init__(self, base: nn.Module, hidden: int):
        super().__init__(base)
        width = base.out_features if isinstance(base, nn.Linear) else base.nf  # GPT-2's Conv1D
        like = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.added_down = nn.Linear(width, hidden, **like)
        self.added_up = nn.Linear(hidden, width, **like)
        nn.init.zeros_(self.added_up.weight)
        nn.init.zeros_(self.added_up.bias)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        output = self.base(*args, **kwargs)
        return output + self.added_up(nn.functional.gelu(self.added_down(output)))


class PromptedBlock(AddedLayer):
    """Let a block read learned tokens after its own ones, and take the last `removed` away again.

    A block (B, T, D) -> (B, T, D) with `appended` tokens gives (B, T + appended - removed, D).
    """

    def __init__(self, base: nn.Module, appended: int, removed: int, width: int):
        super().__init__(base)
        self.appended, self.removed = appended, removed
        if appended:
            like = next(base.parameters())
            tokens = torch.empty(appended, width, dtype=like.dtype, device=like.device)
            nn.init.trunc_normal_(tokens, std=0.02)  # as position embeddings have it
            self.added_tokens = nn.Parameter(tokens)

    def forward(self, hidden: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.appended:
            tokens = self.added_tokens.to(hidden.dtype).expand(len(hidden), -1, -1)
            hidden = torch.cat([hidden, tokens], dim=1)
        output = self.base(hidden, *args, **kwargs)
        return output[:, : output.shape[1] - self.removed]


KINDS: dict[str, type[AddedLayer]] = {"bottleneck": Bottleneck, "prompts": PromptedBlock}


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


def plain_path(path: str) -> str:
    """The path that a module has in its library, where nothing is added to the layers around it."""
    return re.sub(r"\.base(?=\.|$)", "", path)


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
