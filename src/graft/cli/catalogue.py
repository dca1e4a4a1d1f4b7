"""The verbs that list and explain what can be chosen: list, info; read from the files."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.backbones.heads.head import heads_for
from graft.base import plugins
from graft.base.errors import BadValue, UnknownName
from graft.base.ranges import range_words
from graft.cli import options as o
from graft.cli import show

KINDS = {f"{axis}s": axis for axis in plugins.AXES}
WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true | false",
    str: "a text",
    types.NoneType: "auto",
}


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            help="tasks, techniques, sources, backbones, heads, kinds, formats or scores."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            help="With backbones: list all networks of this source.",
            rich_help_panel=o.OUTPUT,
        ),
    ] = None,
    as_json: o.Json = False,
) -> None:
    """List tasks, techniques, backbones and everything else that can be chosen."""
    if what not in (None, *KINDS):
        raise UnknownName.of("list", str(what), KINDS)
    if source and what != "backbones":
        raise BadValue(
            f"--source {source} lists backbones. Write: graft list backbones --source {source}"
        )
    if source:
        rows_of = {what: _networks(source)}
    else:
        rows_of = {kind: _plugins(axis) for kind, axis in KINDS.items() if what in (None, kind)}
    if as_json:
        show.answer_json(rows_of[what] if what else rows_of)
        return
    for kind, rows in rows_of.items():
        if what is None:
            typer.echo(kind)
        show.names(
            [(row["name"], row["summary"]) for row in rows] or [("none yet", "")],
            indent="" if what else "  ",
        )
    if what == "backbones" and not source:
        typer.echo(
            "\nAny other: SOURCE:NAME, as timm:resnet50, or the path of a model folder. "
            "All of a source: --source timm"
        )


def info(
    name: Annotated[
        str,
        typer.Argument(
            help="A technique, task, source, head, kind, format, score or built-in backbone; or "
            "any network, to see its layer groups: wheel:minilm-l6, timm:resnet50."
        ),
    ],
    as_json: o.Json = False,
) -> None:
    """Explain one of them, with its parameters and their defaults."""
    axes = [axis for axis in plugins.AXES if name in plugins.names(axis)]
    if not axes and ":" not in name and not Path(name).is_dir():
        known = [plugin for axis in plugins.AXES for plugin in plugins.names(axis)]
        raise UnknownName.of("name", name, known, see="graft list")
    if not axes:
        answer, present = _network(name), _show_network
    elif "backbone" in axes:
        answer, present = built_in(name), _show_built_in
    else:
        answer, present = describe_plugin(axes[0], name), _show_plugin
    if as_json:
        show.answer_json(answer)
    else:
        present(answer)


def _plugins(axis: str) -> list[dict[str, str]]:
    return [{"name": name, "summary": _summary(axis, name)} for name in plugins.names(axis)]


def _summary(axis: str, name: str) -> str:
    summary = plugins.summary(axis, name)
    if axis != "backbone":
        return summary
    return f"{summary} {plugins.load(axis, name).pin.megabytes:.0f} MB to fetch"


def _networks(source: str) -> list[dict[str, str]]:
    names = plugins.load("source", source)().names()
    return [{"name": f"{source}:{name}", "summary": ""} for name in names]


def describe_plugin(axis: str, name: str) -> dict[str, Any]:
    """Return a plugin's docstring and, of a technique or a task, its parameters."""
    return {
        "kind": axis,
        "name": name,
        "description": plugins.description(axis, name),
        "parameters": parameters(axis, name),
    }


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
    }


def size_and_license(card: dict[str, Any]) -> list[str]:
    """Return sentences about the size, origin and license of a built-in backbone."""
    return [
        f"{card['parameters']:,} parameters, {card['mb']} MB in memory as float32.",
        f"Fetched with pip from {card['package']}: {card['download_mb']} MB.",
        f"License of the weights, as that package states it: {card['license']}.",
    ]


def _float32_mb(parameters: int) -> float:
    return round(parameters * 4 / 2**20, 1)


def parameters(axis: str, name: str) -> list[dict[str, Any]]:
    """Return name, type, default and allowed numbers of what a user may set of a plugin."""
    if axis not in ("task", "technique"):
        return []
    options = plugins.class_variable(axis, name, "options")
    return [
        {
            "name": field.name,
            "type": _type_words(field.hint),
            "default": field.default,
            "allowed": _heads(name) if field.name == "head" else range_words(field.hint),
        }
        for field in plugins.fields(axis, name)
        if options is None or field.name in ("head", *options)
    ]


def _heads(task: str) -> str:
    """The heads that give what the task needs, as a person writes them."""
    return " | ".join(heads_for(plugins.class_variable("task", task, "gives")))


def _type_words(hint: Any) -> str:
    """Describe this type as a user writes its values."""
    kind, choices = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return " | ".join(map(str, choices))
    if kind is Annotated:
        return _type_words(choices[0])
    if kind in (typing.Union, types.UnionType):
        return " | ".join(map(_type_words, choices))
    return WORDS.get(hint, str(hint))


def _show_plugin(card: dict[str, Any]) -> None:
    typer.echo(f"{card['name']} ({card['kind']})\n\n{card['description']}")
    if card["parameters"]:
        typer.echo(f"\nParameters, as {card['name']}:name=value,name=value")
        show.names(
            [
                (f"{p['name']}={_default(p['default'])}", p["allowed"] or p["type"])
                for p in card["parameters"]
            ],
            indent="  ",
        )


def _show_built_in(card: dict[str, Any]) -> None:
    typer.echo(f"{card['name']} (built-in backbone)\n\n{card['description']}\n")
    for sentence in size_and_license(card):
        typer.echo(sentence)


def _default(value: Any) -> str:
    return "auto" if value is None else str(value)


def _network(name: str) -> dict[str, Any]:
    """Describe the layer groups of a backbone, with random weights."""
    from graft.backbones.load import load_backbone, usual_job

    backbone = load_backbone(name, usual_job(name), pretrained=False)
    sizes = {tensor: parameter.numel() for tensor, parameter in backbone.network.named_parameters()}
    groups = [
        {"name": g.name, "parameters": sum(sizes.get(t, 0) for t in g.tensors)}
        for g in backbone.groups
    ]
    total = sum(sizes.values())
    return {
        "kind": "backbone",
        "name": backbone.name,
        "features": backbone.form,
        "parameters": total,
        "mb": _float32_mb(total),
        "preprocess": backbone.preprocess.settings(),
        "lr": backbone.lr,
        "groups": groups,
        "notes": backbone.notes,
    }


def _show_network(card: dict[str, Any]) -> None:
    size = f"{card['parameters']:,} parameters, {card['mb']} MB"
    typer.echo(f"{card['name']}: {size}, {card['features']} features")
    settings = ", ".join(f"{key} {value}" for key, value in card["preprocess"].items())
    typer.echo(f"{settings}; lr {card['lr']:g}")
    rows = [[group["name"], f"{group['parameters']:,}"] for group in card["groups"]]
    show.table(["layer group, in forward order", "parameters"], rows)
    for note in card["notes"]:
        typer.echo(f"note: {note}")
