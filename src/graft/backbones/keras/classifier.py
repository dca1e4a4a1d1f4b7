"""The classifier that a model of Keras ends in: replaced by a new one, or left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import Any

from graft.backbones.keras.graph import graph_of, nodes_of
from graft.backbones.keras.library import building, keras
from graft.base.errors import BackboneError

ACTIVATIONS, SHAPING = ("Activation", "Softmax"), ("Flatten", "Reshape")
"""The layers that may follow a classifier, and those that make a vector of the outputs of one."""


def with_head(model: Any, outputs: int | None) -> tuple[Any, Any]:
    """Return the model with a last linear layer of so many outputs, and that layer.

    A classifier that the model ends in is replaced, or kept without its activation if it has as
    many outputs; None keeps it. Maps are averaged over the picture before the new layer.
    """
    features, last = split_classifier(model)
    if last is not None:
        outputs = outputs or units(last)
    with building():
        layer = keras.layers.Dense(
            outputs or 1,
            use_bias=last is None or last.use_bias,
            name=last.name if last is not None else _free_name(model, "predictions"),
        )
        if len(features.shape) == 4:
            name = _free_name(model, "average")
            features = keras.layers.GlobalAveragePooling2D(name=name)(features)
        if len(features.shape) != 2:
            raise BackboneError(
                f"The Keras network {model.name!r} ends in a tensor of shape {features.shape}, and "
                "Graft needs feature maps (height, width, channels) or a vector there."
            )
        headed = keras.Model(model.inputs, layer(features), name=model.name)
        if last is not None and units(last) == outputs:
            kernel, *bias = last.get_weights()
            layer.set_weights([kernel.reshape(-1, outputs), *bias])
    return headed, layer


def split_classifier(model: Any) -> tuple[Any, Any | None]:
    """Return the tensor before the classifier that a model ends in, and that layer, if any.

    It is a Dense layer, or a 1×1 convolution of one pixel with what makes a vector of its outputs,
    as in MobileNet and MobileNetV3. Raises BackboneError if the classifier is inside a model in the
    model, or if a softmax follows something else.
    """
    nodes = list(nodes_of(graph_of(model)))
    tail = [nodes.pop() for _ in _tail(nodes, ACTIVATIONS)]
    last = nodes[-1].operation if nodes else None
    if isinstance(last, keras.layers.Dense) and len(nodes[-1].outputs[0].shape) == 2:
        return nodes[-1].input_tensors[0], last
    shaping = len(_tail(nodes, (*ACTIVATIONS, *SHAPING)))
    before = nodes[-1 - shaping] if len(nodes) > shaping else None
    ending = [node.operation for node in (*tail, *nodes[len(nodes) - shaping :])]
    if before is not None and ending and _classifies_a_pixel(before, ending):
        return before.input_tensors[0], before.operation
    if any(_activation(each) == "softmax" for each in (*ending, last)):
        raise BackboneError(
            f"The Keras network {model.name!r} ends in a softmax after {last.name!r}, which is "
            "neither a Dense layer nor a 1×1 convolution of one pixel, so that Graft cannot put a "
            "new layer in its place. Save a model of the part before: "
            "keras.Model(model.inputs[0], the features)."
        )
    if isinstance(last, keras.Model) and split_classifier(last)[1] is not None:
        raise BackboneError(
            f"The Keras network {model.name!r} ends in the model {last.name!r}, whose classifier "
            "Graft cannot replace there. Save that model alone."
        )
    return model.outputs[0], None


def units(classifier: Any) -> int:
    """Return the number of outputs of a classifier."""
    is_dense = isinstance(classifier, keras.layers.Dense)
    return classifier.units if is_dense else classifier.filters


def _tail(nodes: Sequence[Any], kinds: Collection[str]) -> list[Any]:
    """The calls at the end that are of layers of these kinds, the last first."""
    return list(takewhile(lambda node: type(node.operation).__name__ in kinds, reversed(nodes)))


def _classifies_a_pixel(node: Any, ending: Sequence[Any]) -> bool:
    """Whether a call is of a convolution of one pixel, and what follows keeps its outputs apart.

    After another activation, such as that of a hidden layer, they are features.
    """
    layer = node.operation
    if not isinstance(layer, keras.layers.Conv2D) or layer.kernel_size != (1, 1):
        return False
    if not {_activation(each) for each in (layer, *ending)} <= {"", "linear", "sigmoid", "softmax"}:
        return False
    return all(tuple(t.shape[1:3]) == (1, 1) for t in (*node.input_tensors, *node.outputs))


def _activation(layer: Any) -> str:
    """The name of the activation of a layer, empty without one."""
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "")


def maps_of(model: Any) -> Any:
    """Return the model up to its last feature maps; raises BackboneError if it has none."""
    for node in reversed(list(nodes_of(graph_of(model)))):
        shape = node.outputs[0].shape
        if len(shape) == 4 and shape[1] != 1:  # a map of one pixel is a pooled one
            return keras.Model(model.inputs, node.outputs[0], name=model.name)
    raise BackboneError(
        f"The Keras network {model.name!r} has no feature maps, which detection and segmentation "
        "need. Use a convolutional network, such as keras:ResNet50."
    )


def _free_name(model: Any, name: str) -> str:
    """The name, or one with a number, that no layer of the model has."""
    taken = {layer.name for layer in model.layers}
    names = [name, *(f"{name}_{number}" for number in range(1, len(taken) + 2))]
    return next(each for each in names if each not in taken)
