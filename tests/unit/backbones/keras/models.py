"""Small models of Keras, and what the tests do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.keras.library import building, keras
from graft.backbones.keras.translate import translate, write_back

layers = keras.layers
RANGES = {"gamma": (0.5, 1.5), "moving_variance": (0.5, 1.5), "variance": (0.5, 1.5)}


def randomize(model: Any) -> Any:
    """Give the model biases, factors and statistics that are not 0 and 1."""
    for variable in model.weights:
        if len(variable.shape) == 1:
            low, high = RANGES.get(variable.name, (-0.3, 0.3))
            variable.assign(torch.empty(variable.shape).uniform_(low, high))
    for layer in model._flatten_layers():
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    return model


def application(name: str, side: int, **arguments: Any) -> Any:
    """A network of `keras.applications` without its classifier, with random weights."""
    torch.manual_seed(0)
    with building():
        make = getattr(keras.applications, name)
        model = make(weights=None, include_top=False, input_shape=(side, side, 3), **arguments)
        return randomize(model)


def settle(model: Any, pictures: Tensor) -> Any:
    """Give each batch norm the statistics of what reaches it, as training would.

    With random ones the activations of deep EfficientNets grow from block to block, and rounding
    with them: the outputs of EfficientNetB6 differ by half of their size in float32.
    """
    network = translate(model).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over the batches, of which there is one
            module.train()
    with torch.no_grad():
        network(pictures)
    with building():
        write_back(network, model)
    return model


def run(model: Any, pictures: Tensor) -> Tensor:
    """What Keras returns for pictures (N, C, H, W); maps are (N, C, H, W) as well."""
    with torch.no_grad():
        output = model(pictures.permute(0, 2, 3, 1).contiguous(), training=False)
    return output.permute(0, 3, 1, 2) if output.dim() == 4 else output


@torch.no_grad()
def largest_difference(network: nn.Module, model: Any, pictures: Tensor) -> float:
    """The largest difference of the outputs as a share of the largest output: one picture alone,
    and all at once."""
    shares = []
    for batch in (pictures[:1], pictures):
        expected = run(model, batch)
        shares.append(((network(batch) - expected).abs().max() / expected.abs().max()).item())
    return max(shares)


def toy() -> Any:
    """What the applications lack: nesting, a shared layer, even kernels, dilation, odd sizes."""
    base = [layers.Input((None, None, 8)), layers.Conv2D(8, 4, padding="same")]
    base = keras.Sequential([*base, layers.BatchNormalization(scale=False)], name="base")
    picture = keras.Input((None, None, 3))
    shared = layers.Conv2D(8, 3, 2, "same")
    x = shared(layers.Conv2D(8, 1, name="train")(layers.Cropping2D(((1, 2), (0, 3)))(picture)))
    x = base(shared(x), training=False)
    x = layers.SeparableConv2D(10, 3, 2, "same", depth_multiplier=2, activation="gelu")(x)
    x = layers.Conv2D(12, 3, padding="same", dilation_rate=2, groups=2, activation="softmax")(x)
    x = layers.MaxPooling2D(3, 2, "same")(1.0 - x * 3.0)
    x = layers.AveragePooling2D(3, 1, "same")(layers.SpatialDropout2D(0.1)(x))
    x = layers.Concatenate(1)([x, layers.Activation("hard_sigmoid")(x)])
    x = layers.GlobalMaxPooling2D(keepdims=True)(layers.LayerNormalization()(x))
    x = layers.Flatten()(layers.Reshape((2, 6))(layers.Reshape((3, 2, 2))(x)))
    return keras.Model(picture, layers.Dense(7)(x))


def seed_program(side: int = 32) -> Any:
    """A network without its classifier under two dense layers, as courses write it."""
    return keras.Sequential(
        [
            layers.Input((side, side, 3)),
            application("MobileNet", side, alpha=0.25),
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(4, activation="softmax", name="classes"),
        ]
    )


def saved(model: Any, file: Path) -> Path:
    """The file, with the model in it."""
    with building():
        model.save(file)
    return file
