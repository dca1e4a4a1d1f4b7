"""Translate a functional or sequential model of Keras to PyTorch, and copy its weights back.

The result is a chain, an `nn.Sequential`: a layer through which everything passes is a module
in it under its own name, and what lies between two such layers, as a residual block, is one
`Branches`. So layers can be frozen, recorded and cut as those of any network.

Map: `translate` lists the calls of layers in the order in which they run (`graph`), asks `layers`
for their modules and `weights` for their tensors, and builds the chain (`_chain`). `write_back`
walks both networks side by side.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from torch import nn

from graft.backbones.keras.graph import graph_of, nodes_of
from graft.backbones.keras.layers import Modules, to_modules, to_operation, untranslatable
from graft.backbones.keras.library import keras
from graft.backbones.keras.modules import Branches
from graft.backbones.keras.weights import copy_to_keras, copy_to_torch

RESERVED = {*dir(nn.Sequential()), *dir(Branches({}, ()))}
"""Names that no module can have in another one."""


@dataclass(frozen=True)
class _Call:
    """One call of a module: results are known by their number, 0 is the input of the network."""

    module: str
    reads: tuple[int, ...]
    result: int


def translate(model: Any) -> nn.Sequential:
    """Return the model as modules of PyTorch, in evaluation mode, with copies of its weights.

    Pictures enter and leave as (N, C, H, W). What was frozen in Keras is not frozen here. Raises
    BackboneError for a model without a graph, with several inputs or outputs, and for a layer that
    cannot be translated.
    """
    graph = graph_of(model)
    translated: dict[Any, Modules] = {}  # a layer that is called twice is there once
    calls: list[_Call] = []
    results = {id(graph.inputs[0]): 0}
    for node in nodes_of(graph):
        if node.operation not in translated:
            translated[node.operation] = _translate_layer(node)
        reads = tuple(results[id(tensor)] for tensor in node.input_tensors)
        for name in translated[node.operation]:
            calls.append(_Call(name, reads, len(calls) + 1))
            reads = (len(calls),)
        results[id(node.outputs[0])] = reads[0]
    modules: Modules = {}
    for layer, parts in translated.items():
        if modules.keys() & parts.keys():
            raise untranslatable(layer, "another layer has the same name in PyTorch")
        modules |= parts
    return _chain(calls, modules).eval()


def write_back(network: nn.Module, model: Any) -> None:
    """Copy the weights of a translated network into the model that it comes from."""
    graph = graph_of(model)
    modules = dict(_modules_of_layers(network))
    for layer in dict.fromkeys(node.operation for node in nodes_of(graph)):
        if isinstance(layer, keras.Model):
            write_back(modules[module_name(layer)], layer)
        elif isinstance(layer, keras.layers.Layer) and layer.weights:
            copy_to_keras(modules[module_name(layer)], layer)


def module_name(layer: Any) -> str:
    """The name of the module of a layer: its own, as far as PyTorch allows it."""
    name = layer.name.replace(".", "_")
    return f"{name}_" if name in RESERVED else name


def _translate_layer(node: Any) -> Modules:
    """The modules of the layer or operation that is called, by their names, with its weights."""
    layer, name = node.operation, module_name(node.operation)
    if len(node.outputs) != 1:
        raise untranslatable(layer, f"it returns {len(node.outputs)} tensors")
    if not isinstance(layer, keras.layers.Layer):
        tensors = {id(tensor) for tensor in node.input_tensors}
        arguments = [None if id(a) in tensors else a for a in node.arguments.args]
        return {name: to_operation(layer, arguments)}
    _check_options(node)
    if isinstance(layer, keras.Model):
        return {name: translate(layer)}
    modules = to_modules(layer, [tensor.shape for tensor in node.input_tensors])
    copy_to_torch(layer, modules[""])
    return {f"{name}{suffix}": module for suffix, module in modules.items()}


def _check_options(node: Any) -> None:
    """Raise BackboneError if a layer is called with more than tensors.

    `training` may be left out: in Keras, too, the value of the outermost call wins over it.
    """
    options = {key: value for key, value in node.arguments.kwargs.items() if key != "training"}
    if any(value is not None for value in keras.tree.flatten(options)):
        raise untranslatable(node.operation, f"it is called with {', '.join(sorted(options))}")


def _chain(calls: Sequence[_Call], modules: dict[str, nn.Module]) -> nn.Sequential:
    """Cut the calls wherever a single result is all that later calls read.

    A layer that is called twice is in one part with everything between.
    """
    chain, start = nn.Sequential(), 0
    last_read = {number: i for i, call in enumerate(calls) for number in call.reads}
    last_call = {call.module: i for i, call in enumerate(calls)}
    open_until = last_read.get(0, 0)
    for i, call in enumerate(calls):
        open_until = max(open_until, last_call[call.module])
        if open_until <= i:
            part = calls[start : i + 1]
            name = _part_name(part, modules, dict(chain.named_children()))
            chain.add_module(name, _part(part, modules))
            start = i + 1
        open_until = max(open_until, last_read.get(call.result, i))
    return chain


def _part(part: Sequence[_Call], modules: dict[str, nn.Module]) -> nn.Module:
    if len(part) == 1:
        return modules[part[0].module]
    places = {part[0].reads[0]: 0}
    plan = []
    for number, call in enumerate(part, 1):
        plan.append((call.module, tuple(places[read] for read in call.reads)))
        places[call.result] = number
    return Branches({call.module: modules[call.module] for call in part}, plan)


def _part_name(part: Sequence[_Call], modules: dict[str, nn.Module], taken: Container[str]) -> str:
    """The beginning that the names of its layers with weights share: `conv2_block1`.

    Without one, the name of its last layer.
    """
    names = [call.module for call in part]
    learned = [name for name in names if next(modules[name].parameters(), None) is not None]
    words = takewhile(lambda same: len(set(same)) == 1, zip(*map(_words, learned), strict=False))
    name = "_".join(word for word, *_ in words)
    is_free = name and name not in taken and name not in modules and name not in RESERVED
    return name if len(set(learned)) > 1 and is_free else names[-1]


def _words(name: str) -> list[str]:
    return name.split("_")


def _modules_of_layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules of the layers of a model: those of the chain and inside its parts."""
    for name, module in network.named_children():
        yield name, module
        if isinstance(module, Branches):
            yield from module.named_children()
