"""What `graft info` says of a name, as a dict; read from the files, so that torch is not loaded."""

from __future__ import annotations

import typing
from dataclasses import asdict
from types import NoneType, UnionType
from typing import Annotated, Any

from graft.backbones.heads.head import heads_for
from graft.base import plugins
from graft.base.fields import DeclaredField
from graft.base.ranges import range_words
from graft.metrics.listing import list_metrics

WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true | false",
    str: "a text",
    NoneType: "auto",
}


def find_cards(name: str) -> list[dict[str, Any]]:
    """Return a card for each plugin and metric of this name: a head may be named as a source."""
    axes = [axis for axis in plugins.AXES if name in plugins.names(axis)]
    cards = [built_in(name) if axis == "backbone" else describe_plugin(axis, name) for axis in axes]
    return cards + [card for card in describe_metrics() if card["name"] == name]


def known_names() -> list[str]:
    """Return every name that has a card."""
    names = [name for axis in plugins.AXES for name in plugins.names(axis)]
    return names + [card.name for card in list_metrics()]


def describe_plugin(axis: str, name: str) -> dict[str, Any]:
    """Return a plugin's docstring, its example and, of a technique or a task, its parameters."""
    return {
        "kind": axis,
        "name": name,
        "description": plugins.description(axis, name),
        "parameters": parameters(axis, name),
        "example": _example(axis, name),
    }


def describe_metrics() -> list[dict[str, Any]]:
    """Return a card for each metric."""
    return [{"kind": "metric", **asdict(card)} for card in list_metrics()]


def built_in(name: str) -> dict[str, Any]:
    """Return what the file of a built-in backbone declares, without downloading the network."""
    cls = plugins.load("backbone", name)
    return {
        "kind": "backbone",
        "name": name,
        "description": plugins.description("backbone", name),
        "parameters": cls.parameters,
        "mb": _float32_mb(cls.parameters),
        "license": cls.license,
        "package": str(cls.pin),
        "download_mb": cls.pin.megabytes,
        "example": plugins.example("backbone", name),
    }


def size_and_license(card: dict[str, Any]) -> list[str]:
    """Return sentences about the size, origin and license of a built-in backbone."""
    return [
        f"{card['parameters']:,} parameters, {card['mb']} MB in memory as float32.",
        f"Fetched with pip from {card['package']}: {card['download_mb']} MB.",
        f"License of the weights, as that package states it: {card['license']}.",
    ]


def network(name: str) -> dict[str, Any]:
    """Describe the layer groups of any backbone, with random weights."""
    from graft.backbones.load import load_backbone, usual_job

    backbone = load_backbone(name, usual_job(name), pretrained=False)
    sizes = {tensor: parameter.numel() for tensor, parameter in backbone.network.named_parameters()}
    groups = [
        {"name": g.name, "parameters": sum(sizes.get(t, 0) for t in g.tensors)}
        for g in backbone.groups
    ]
    total = sum(sizes.values())
    return {
        "kind": "network",
        "name": backbone.name,
        "features": backbone.form,
        "parameters": total,
        "mb": _float32_mb(total),
        "preprocess": backbone.preprocess.settings(),
        "lr": backbone.lr,
        "groups": groups,
        "notes": backbone.notes,
    }


def parameters(axis: str, name: str) -> list[dict[str, Any]]:
    """Return what a user may set of a plugin: what it adds, defaults that it changes, the rest."""
    if axis not in ("task", "technique"):
        return []
    options = plugins.class_variable(axis, name, "options")
    fields = sorted(plugins.fields(axis, name), key=_rank)
    return [
        {
            "name": field.name,
            "type": _type_words(field.hint),
            "default": field.default,
            "allowed": _heads(name) if field.name == "head" else range_words(field.hint),
            "meaning": field.meaning,
            "shared": _rank(field) == 2,
        }
        for field in fields
        if options is None or field.name in ("head", *options)
    ]


def _rank(field: DeclaredField) -> int:
    """Return 0 for a parameter that a technique adds, 1 for a default it changes, 2 for others."""
    if field.owners[0] != "Technique":
        return 0
    return 1 if len(field.owners) > 1 else 2


def _example(axis: str, name: str) -> str:
    """Return the command of the docstring; of a head, that of a task which it fits."""
    if axis != "head":
        return plugins.example(axis, name)
    tasks = [task for task in plugins.names("task") if _takes(task, name)]
    for task in sorted(tasks, key=lambda task: name not in _usual_heads(task)):
        command, _, spec = plugins.example("task", task).partition(f" --task {task}")
        rest = spec.partition(" ")[2]
        return f"{command} --task {task}:head={name} {rest}".rstrip()
    return ""


def _usual_heads(task: str) -> list[str]:
    return list(plugins.class_variable("task", task, "heads").values())


def _takes(task: str, head: str) -> bool:
    """Whether the task's usual backbone gives what the head reads: no picture has tokens."""
    if head not in _heads_of(task):
        return False
    reads = plugins.class_variable("task", task, "reads")
    return reads != "image" or set(plugins.load("head", head).gives) != {"sequence"}


def _heads_of(task: str) -> list[str]:
    """The heads that the task may have."""
    gives, reads = (plugins.class_variable("task", task, name) for name in ("gives", "reads"))
    return heads_for(gives, reads=reads)


def _float32_mb(parameters: int) -> float:
    return round(parameters * 4 / 2**20, 1)


def _heads(task: str) -> str:
    """The heads that give what the task needs, as a person writes them."""
    return " | ".join(_heads_of(task))


def _type_words(hint: Any) -> str:
    """Describe this type as a user writes its values."""
    kind, choices = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return " | ".join(map(str, choices))
    if kind is Annotated:
        return _type_words(choices[0])
    if kind in (typing.Union, UnionType):
        return " | ".join(map(_type_words, choices))
    return WORDS.get(hint, str(hint))
