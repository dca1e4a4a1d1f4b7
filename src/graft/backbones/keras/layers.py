"""The modules of each layer of Keras.

Tensors with four dimensions are (N, C, H, W), all others as in Keras. A module that needs the
channels last, such as `nn.Linear`, gets a permutation before and behind it; padding and activations
become modules of their own. So each module with weights is one of PyTorch's, as far as it has one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torchvision.ops import Permute, StochasticDepth

from graft.backbones.keras.library import keras
from graft.backbones.keras.modules import (
    OPERATORS,
    Combination,
    Concatenation,
    LayerScale,
    Normalization,
    Rescaling,
    SamePadding,
    ScaledSum,
)
from graft.base.errors import BackboneError

Shape = tuple[int | None, ...]
"""The shape of the first input, channels last, None for what depends on the picture."""
Modules = dict[str, nn.Module]
"""What a layer becomes, in the order in which it runs: what is added to the name of the layer ->
the module. The one with the weights has the name of the layer itself."""

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "hard_silu": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "softplus": nn.Softplus,
    "mish": nn.Mish,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),  # Keras' default slope; that of torch is 0.01
}
WITHOUT_EFFECT = (
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
)
"""Layers that change pictures only in Keras' own training: Graft augments before the network."""


def untranslatable(layer: Any, reason: str) -> BackboneError:
    """The error for a layer that cannot be translated."""
    return BackboneError(
        f"The layer {layer.name!r} ({type(layer).__name__}) of this Keras network cannot be "
        f"translated to PyTorch: {reason}. Replace it in Keras, or save the part of the network "
        "before it."
    )


def to_modules(layer: Any, shapes: Sequence[Shape]) -> Modules:
    """Return the modules of a layer or operation of Keras, still without its weights.

    `shapes` are those of its inputs. Raises BackboneError for others than `LAYERS`.
    """
    kind = type(layer).__name__
    # A user's own class must not pass for the class of Keras with the same name.
    if kind not in LAYERS or not type(layer).__module__.startswith("keras."):
        raise untranslatable(layer, "Graft does not know layers of this class")
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise untranslatable(layer, "its data_format is 'channels_first'")
    if len({len(shape) for shape in shapes}) > 1:
        raise untranslatable(layer, f"it combines tensors of different ranks, {list(shapes)}")
    return LAYERS[kind](layer, shapes[0], len(shapes))


def _with_channels_last(module: nn.Module, shape: Shape) -> Modules:
    if len(shape) != 4:
        return {"": module}
    return {
        "__to_last": Permute([0, 2, 3, 1]),
        "": module,
        "__to_first": Permute([0, 3, 1, 2]),
    }


def _activation(layer: Any, shape: Shape, suffix: str) -> Modules:
    """The module of `layer.activation`; nothing for a linear one behind another module."""
    function = layer.activation
    name = getattr(function, "__name__", str(function))
    if suffix and (function is None or name == "linear"):
        return {}
    if function is not getattr(keras.activations, name, None):  # such as a user's own `relu`
        raise untranslatable(layer, f"its activation {name!r} is not one of Keras'")
    if name == "softmax":
        return {suffix: nn.Softmax(dim=1 if len(shape) == 4 else -1)}
    if name not in ACTIVATIONS:
        raise untranslatable(layer, f"Graft does not know its activation {name!r}")
    return {suffix: ACTIVATIONS[name]()}


def _padding(layer: Any, kernel: Sequence[int], dilation: Sequence[int], value: float = 0.0):
    """The padding argument of the module, and the module before it where that is not enough."""
    spans = [(size - 1) * rate + 1 for size, rate in zip(kernel, dilation, strict=True)]
    if layer.padding == "valid":
        return 0, {}
    if layer.padding != "same":
        raise untranslatable(layer, f"its padding is {layer.padding!r}")
    if max(layer.strides) == 1 and all(span % 2 for span in spans):
        return tuple(span // 2 for span in spans), {}
    return 0, {"__padding": SamePadding(spans, layer.strides, value)}


def _convolution(layer: Any, shape: Shape, count: int) -> Modules:
    """Conv2D, DepthwiseConv2D and SeparableConv2D."""
    kind, width = type(layer).__name__, shape[-1]
    padding, before = _padding(layer, layer.kernel_size, layer.dilation_rate)
    size = layer.kernel_size, layer.strides, padding, layer.dilation_rate
    wide = width * getattr(layer, "depth_multiplier", 1)
    if kind == "Conv2D":
        module = nn.Conv2d(width, layer.filters, *size, layer.groups, layer.use_bias)
    elif kind == "DepthwiseConv2D":
        module = nn.Conv2d(width, wide, *size, width, layer.use_bias)
    else:
        depthwise = nn.Conv2d(width, wide, *size, width, bias=False)
        pointwise = nn.Conv2d(wide, layer.filters, 1, bias=layer.use_bias)
        module = nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))
    return {**before, "": module, **_activation(layer, shape, "__activation")}


def _dense(layer: Any, shape: Shape, count: int) -> Modules:
    linear = nn.Linear(shape[-1], layer.units, layer.use_bias)
    return {
        **_with_channels_last(linear, shape),
        **_activation(layer, shape, "__activation"),
    }


def _check_channel_axis(layer: Any, shape: Shape) -> None:
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if [axis % len(shape) for axis in axes] != [len(shape) - 1]:
        raise untranslatable(layer, f"its axis {layer.axis} is not that of the channels")


def _without_parameters(module: nn.Module, layer: Any) -> nn.Module:
    """Replace what Keras has no parameter for by a constant, which code may read as before."""
    for name, is_learned in (("weight", layer.scale), ("bias", layer.center)):
        if not is_learned:
            value = getattr(module, name).detach()
            delattr(module, name)
            module.register_buffer(name, value, persistent=False)
    return module


def _batch_norm(layer: Any, shape: Shape, count: int) -> Modules:
    _check_channel_axis(layer, shape)
    if getattr(layer, "renorm", False) or len(shape) not in (2, 4):
        raise untranslatable(layer, "it has renorm, or does not normalize pictures or vectors")
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    # Keras' momentum is the weight of the old statistics, that of torch of the new ones.
    module = kind(shape[-1], eps=layer.epsilon, momentum=1 - layer.momentum)
    return {"": _without_parameters(module, layer)}


def _layer_norm(layer: Any, shape: Shape, count: int) -> Modules:
    _check_channel_axis(layer, shape)
    if getattr(layer, "rms_scaling", False):
        raise untranslatable(layer, "it has rms_scaling")
    module = _without_parameters(nn.LayerNorm(shape[-1], eps=layer.epsilon), layer)
    return _with_channels_last(module, shape)


def _max_pooling(layer: Any, shape: Shape, count: int) -> Modules:
    padding, before = _padding(layer, layer.pool_size, (1, 1), float("-inf"))
    return {**before, "": nn.MaxPool2d(layer.pool_size, layer.strides, padding)}


def _average_pooling(layer: Any, shape: Shape, count: int) -> Modules:
    padding, before = _padding(layer, layer.pool_size, (1, 1))
    if before:
        raise untranslatable(layer, "averages at the edges differ between the backends of Keras")
    pool = nn.AvgPool2d(layer.pool_size, layer.strides, padding, count_include_pad=False)
    return {"": pool}


def _global_pooling(layer: Any, shape: Shape, count: int) -> Modules:
    average = type(layer).__name__ == "GlobalAveragePooling2D"
    pool = nn.AdaptiveAvgPool2d(1) if average else nn.AdaptiveMaxPool2d(1)
    return {"": pool} if layer.keepdims else {"": pool, "__flatten": nn.Flatten()}


def _edges(layer: Any, shape: Shape, count: int) -> Modules:
    """ZeroPadding2D and Cropping2D."""
    crops = type(layer).__name__ == "Cropping2D"
    (top, bottom), (left, right) = layer.cropping if crops else layer.padding
    sign = -1 if crops else 1
    return {"": nn.ZeroPad2d((sign * left, sign * right, sign * top, sign * bottom))}


def _flatten(layer: Any, shape: Shape, count: int) -> Modules:
    before = {"__to_last": Permute([0, 2, 3, 1])} if len(shape) == 4 else {}
    return {**before, "": nn.Flatten()}


def _reshape(layer: Any, shape: Shape, count: int) -> Modules:
    modules = {f"__flatten{name}": module for name, module in _flatten(layer, shape, 1).items()}
    modules[""] = nn.Unflatten(1, tuple(layer.target_shape))
    if len(layer.target_shape) == 3:
        modules["__to_first"] = Permute([0, 3, 1, 2])
    return modules


def _combine(layer: Any, shape: Shape, count: int) -> Modules:
    """Add, Multiply and the like, of layers; operations are translated by `to_operation`."""
    return {"": Combination(type(layer).__name__, (None,) * count)}


def _concatenate(layer: Any, shape: Shape, count: int) -> Modules:
    axis = layer.axis % len(shape)
    return {"": Concatenation({0: 0, 1: 2, 2: 3, 3: 1}[axis] if len(shape) == 4 else axis)}


def _dropout(layer: Any, shape: Shape, count: int) -> Modules:
    if type(layer).__name__ == "SpatialDropout2D":
        return {"": nn.Dropout2d(layer.rate)}
    if layer.noise_shape is None:
        return {"": nn.Dropout(layer.rate)}
    if tuple(layer.noise_shape)[1:] != (1,) * (len(shape) - 1):
        raise untranslatable(layer, f"its noise_shape is {layer.noise_shape}")
    return {"": StochasticDepth(layer.rate, "row")}


def _relu(layer: Any, shape: Shape, count: int) -> Modules:
    slope, most = float(layer.negative_slope), layer.max_value
    if layer.threshold or (slope and most is not None):
        raise untranslatable(layer, "it has a threshold, or a slope and a maximum")
    if most is None:
        return {"": nn.LeakyReLU(slope) if slope else nn.ReLU()}
    return {"": nn.ReLU6() if most == 6 else nn.Hardtanh(0.0, float(most))}


def _softmax(layer: Any, shape: Shape, count: int) -> Modules:
    _check_channel_axis(layer, shape)
    return {"": nn.Softmax(dim=1 if len(shape) == 4 else -1)}


def _normalization(layer: Any, shape: Shape, count: int) -> Modules:
    if layer.invert or layer.axis not in (None, (), -1, (len(shape) - 1,), (-1,), len(shape) - 1):
        raise untranslatable(layer, "it is inverted, or its axis is not that of the channels")
    statistics = [value.detach().cpu().reshape(-1) for value in (layer.mean, layer.variance)]
    module = Normalization(len(statistics[0]), keras.config.epsilon())
    with torch.no_grad():
        module.mean.copy_(statistics[0])
        module.variance.copy_(statistics[1])
    return _with_channels_last(module, shape)


LAYERS: dict[str, Callable[[Any, Shape, int], Modules]] = {
    "Activation": lambda layer, shape, count: _activation(layer, shape, ""),
    "Add": _combine,
    "AveragePooling2D": _average_pooling,
    "BatchNormalization": _batch_norm,
    "Concatenate": _concatenate,
    "Conv2D": _convolution,
    "Cropping2D": _edges,
    "CustomScaleLayer": lambda layer, shape, count: {"": ScaledSum(layer.scale)},
    "Dense": _dense,
    "DepthwiseConv2D": _convolution,
    "Dropout": _dropout,
    "ELU": lambda layer, shape, count: {"": nn.ELU(float(layer.alpha))},
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_pooling,
    "GlobalMaxPooling2D": _global_pooling,
    "LayerNormalization": _layer_norm,
    "LayerScale": lambda layer, shape, count: _with_channels_last(LayerScale(shape[-1]), shape),
    "LeakyReLU": lambda layer, shape, count: {"": nn.LeakyReLU(float(layer.negative_slope))},
    "MaxPooling2D": _max_pooling,
    "Maximum": _combine,
    "Minimum": _combine,
    "Multiply": _combine,
    "Normalization": _normalization,
    "ReLU": _relu,
    "Rescaling": lambda layer, shape, count: _with_channels_last(
        Rescaling(layer.scale, layer.offset), shape
    ),
    "Reshape": _reshape,
    "SeparableConv2D": _convolution,
    "Softmax": _softmax,
    "SpatialDropout2D": _dropout,
    "StochasticDepth": lambda layer, shape, count: {
        "": StochasticDepth(layer.drop_path_rate, "row")
    },
    "Subtract": _combine,
    "ZeroPadding2D": _edges,
    **{name: lambda layer, shape, count: {"": nn.Identity()} for name in WITHOUT_EFFECT},
}
"""The class of a layer -> its modules, from the layer, the shape of its first input, and the number
of its inputs."""


def to_operation(operation: Any, arguments: Sequence[Any]) -> nn.Module:
    """Return the module of an operation on tensors, as in `x + 3.0`.

    `arguments` are its numbers, and None for each tensor. Raises BackboneError for others.
    """
    kind = type(operation).__name__
    if kind not in OPERATORS or not all(
        argument is None or isinstance(argument, int | float) for argument in arguments
    ):
        raise untranslatable(operation, "Graft does not know this operation on tensors")
    return Combination(kind, arguments)
