"""Copy weights between the layers of Keras and their modules; how they are arranged is known here.

Keras has convolutions as (H, W, in, out) or, depthwise, (H, W, in, factor), and linear layers as
(in, out); PyTorch has (out, in / groups, H, W) and (out, in).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.keras.layers import untranslatable

CONVOLUTION = {"kernel": "weight", "bias": "bias"}
NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
PLACES: dict[str, dict[str, str]] = {
    "BatchNormalization": NORM,
    "Conv2D": CONVOLUTION,
    "Dense": CONVOLUTION,
    "DepthwiseConv2D": CONVOLUTION,
    "LayerNormalization": NORM,
    "LayerScale": {"gamma": "weight"},
    "Normalization": {"adapt_mean": "mean", "adapt_variance": "variance"},
    "SeparableConv2D": {
        "depthwise_kernel": "depthwise.weight",
        "pointwise_kernel": "pointwise.weight",
        "bias": "pointwise.bias",
    },
}
"""The class of a layer -> its variables, and where its module has them."""
UNUSED = ("count", "seed_generator_state")
"""Variables that no output depends on: how much a normalization has seen, and random states."""


@torch.no_grad()
def copy_to_torch(layer: Any, module: nn.Module) -> None:
    """Copy the weights of a layer into its module; raises BackboneError for others than it has."""
    for variable, tensor in _pairs(layer, module):
        values = variable.value.detach().cpu()
        if tensor.dim() == 4:
            out, width, height, breadth = tensor.shape
            values = values.reshape(height, breadth, width, out).permute(3, 2, 0, 1)
        tensor.copy_(values.T if tensor.dim() == 2 else values)


@torch.no_grad()
def copy_to_keras(module: nn.Module, layer: Any) -> None:
    """Copy the weights of a module into its layer; raises BackboneError for others than it has."""
    for variable, tensor in _pairs(layer, module):
        values = tensor.detach().cpu().float()
        if tensor.dim() == 4:
            values = values.permute(2, 3, 1, 0).reshape(tuple(variable.shape))
        variable.assign((values.T if tensor.dim() == 2 else values).contiguous())
    if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its statistics
        layer.finalize_state()


def _pairs(layer: Any, module: nn.Module) -> Iterator[tuple[Any, Tensor]]:
    """Each variable of the layer, and the tensor of the module for it."""
    places = PLACES.get(type(layer).__name__, {})
    variables = {name: getattr(layer, name, None) for name in places}
    known = {id(variable) for variable in variables.values()}
    for variable in layer.weights:  # such as those of Keras' own LoRA, or of a quantized kernel
        if id(variable) not in known and variable.name not in UNUSED:
            raise untranslatable(layer, f"Graft does not know its weight {variable.name!r}")
    for name, variable in variables.items():
        if variable is not None:
            yield variable, attrgetter(places[name])(module)
