"""The graph of a model of Keras: which layer is called on which results, in which order.

Keras has no public names for it; what is private of it is used here alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graft.base.errors import BackboneError


def graph_of(model: Any) -> Any:
    """Return the functional model; a sequential one holds one inside, once it is built.

    Raises BackboneError for a model without a graph, and with several inputs or outputs.
    """
    graph = getattr(model, "_functional", None) or model
    if not hasattr(graph, "_nodes_by_depth"):
        raise BackboneError(
            f"The Keras network {model.name!r} ({type(model).__name__}) is a class of its own or "
            "not built yet, so that Keras does not know its graph. Make it a functional or "
            "sequential model with an Input."
        )
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise BackboneError(
            f"The Keras network {model.name!r} has {len(graph.inputs)} inputs and "
            f"{len(graph.outputs)} outputs, and Graft needs one of each. Make a model of the part "
            "that you need: keras.Model(model.inputs[0], model.outputs[0])."
        )
    return graph


def nodes_of(graph: Any) -> Iterator[Any]:
    """The calls of layers in the order in which Keras runs them."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from (node for node in graph._nodes_by_depth[depth] if not node.is_input)
