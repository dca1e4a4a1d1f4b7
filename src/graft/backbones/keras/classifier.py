"""The classifier that a model of Keras ends in: replaced by a new one, or left out."""

from __future__ import annotations

from typing import Any

from graft.backbones.keras.graph import graph_of, nodes_of
from graft.backbones.keras.library import building, keras
from graft.base.errors import BackboneError


def with_head(model: Any, outputs: int | None) -> tuple[Any, Any]:
    """Return the model with a last linear layer of so many outputs, and that layer.

    A classifier that the model ends in is replaced, or kept without its activation if it has as
    many outputs; None keeps it. Maps are averaged over the picture before the new layer.
    """
    features, last = split_classifier(model)
    if last is not None:
        outputs = outputs or last.units
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
        if last is not None and last.units == outputs:
            layer.set_weights(last.get_weights())
    return headed, layer


def split_classifier(model: Any) -> tuple[Any, Any | None]:
    """Return the tensor before the classifier that a model ends in, and that Dense layer, if any.

    Raises BackboneError if the classifier is inside a model in the model.
    """
    nodes = list(nodes_of(graph_of(model)))
    while nodes and type(nodes[-1].operation).__name__ in ("Activation", "Softmax"):
        nodes.pop()
    last = nodes[-1].operation if nodes else None
    if isinstance(last, keras.layers.Dense) and len(nodes[-1].outputs[0].shape) == 2:
        return nodes[-1].input_tensors[0], last
    if isinstance(last, keras.Model) and split_classifier(last)[1] is not None:
        raise BackboneError(
            f"The Keras network {model.name!r} ends in the model {last.name!r}, whose classifier "
            "Graft cannot replace there. Save that model alone."
        )
    return model.outputs[0], None


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
