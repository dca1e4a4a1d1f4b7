"""The verbs that say what there is: list, info. Names and docstrings are read without importing the plugins."""

from __future__ import annotations

import dataclasses
import types
import typing
from pathlib import Path
from typing import Annotated, Any

import typer

from graft.base import plugins
from graft.base.errors import UnknownName
from graft.base.ranges import number_ranges
from graft.cli import options as o
from graft.cli import show

KINDS = {f"{axis}s": axis for axis in plugins.AXES}


def list_(
    what: Annotated[
        str | None,
        typer.Argument(help="tasks, techniques, sources, kinds, formats, scores, or backbones."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="With backbones: all networks of this source.")
    ] = None,
    as_json: o.Json = False,
) -> None:
    """List what can be chosen."""
    if what not in (None, "backbones", *KINDS):
        raise UnknownName.of("list", str(what), ["backbones", *KINDS])
    if what == "backbones":
        found = {"backbones": _backbones(source)}
    else:
        found = {kind: _plugins(axis) for kind, axis in KINDS.items() if what in (None, kind)}
    if as_json:
        show.answer_json(found[what] if what else found)
        return
    for kind, rows in found.items():
        if what is None:
            typer.echo(kind)
        show.names(
            [(row["name"], row["summary"]) for row in rows] or [("none yet", "")],
            indent="" if what else "  ",
        )
    if what is None:
        typer.echo("backbones\n  graft list backbones")
    elif what == "backbones" and not source:
        typer.echo(
            "\nAny other: SOURCE:NAME, as timm:resnet50, or the path of a model folder. All of a source: --source timm"
        )


def info(
    name: Annotated[
        str,
        typer.Argument(
            help="A technique, task, source, kind, format or score; or a backbone, as timm:resnet50."
        ),
    ],
    as_json: o.Json = False,
) -> None:
    """Say what one of them is, with its parameters and their defaults."""
    axes = [axis for axis in plugins.AXES if name in plugins.names(axis)]
    if not axes and ":" not in name and not Path(name).is_dir():
        _check_known(name)
    found = described(axes[0], name) if axes else _network(name)
    if as_json:
        show.answer_json(found)
    elif found["kind"] == "backbone":
        _show_network(found)
    else:
        _show_plugin(found)


def _check_known(name: str) -> None:
    """A bare name that is no plugin is the alias of a built-in backbone, or unknown."""
    built_in = [row["name"] for row in _backbones(None)]
    if name not in built_in:
        known = [*built_in, *(n for axis in plugins.AXES for n in plugins.names(axis))]
        raise UnknownName.of("name", name, known, see="graft list")


def _plugins(axis: str) -> list[dict[str, str]]:
    return [{"name": name, "summary": plugins.summary(axis, name)} for name in plugins.names(axis)]


def _backbones(source: str | None) -> list[dict[str, str]]:
    if source:
        return [
            {"name": f"{source}:{name}", "summary": ""}
            for name in plugins.load("source", source)().names()
        ]
    from graft.backbones.sources.wheel import BUILT_IN

    return [
        {"name": alias, "summary": f"{found.what}; {found.pin.megabytes:.0f} MB"}
        for alias, found in BUILT_IN.items()
    ]


def described(axis: str, name: str) -> dict[str, Any]:
    """A plugin's docstring, and the parameters of a technique or a task with their types and defaults."""
    cls = plugins.load(axis, name)
    found = parameters(cls) if axis in ("task", "technique") else []
    return {
        "kind": axis,
        "name": name,
        "description": plugins.description(axis, name),
        "parameters": [p for p in found if axis == "technique" or p["name"] in cls.options],
    }


def parameters(cls: type) -> list[dict[str, Any]]:
    """Name, type, default and allowed numbers of each field of a dataclass."""
    hints, ranges = typing.get_type_hints(cls), number_ranges(cls)
    fields = [f for f in dataclasses.fields(cls) if f.init]
    return [
        {
            "name": f.name,
            "type": _words(hints[f.name]),
            "default": f.default,
            "allowed": ranges.get(f.name),
        }
        for f in fields
    ]


def _words(hint: Any) -> str:
    """A type as Python writes it; of a text with choices those."""
    kind, choices = typing.get_origin(hint), typing.get_args(hint)
    if kind is typing.Literal:
        return " | ".join(str(value) for value in choices)
    if kind in (typing.Union, types.UnionType):
        return " | ".join(map(_words, choices))
    return "None" if hint is types.NoneType else getattr(hint, "__name__", str(hint))


def _show_plugin(found: dict[str, Any]) -> None:
    typer.echo(f"{found['name']} ({found['kind']})\n\n{found['description']}")
    if found["parameters"]:
        typer.echo(f"\nParameters, as {found['name']}:name=value,name=value")
        show.names(
            [
                (f"{p['name']}={_default(p['default'])}", p["allowed"] or p["type"])
                for p in found["parameters"]
            ],
            indent="  ",
        )


def _default(value: Any) -> str:
    return "auto" if value is None else str(value)


def _network(name: str) -> dict[str, Any]:
    """A backbone taken apart, with random weights where its architecture can be had without fetching them."""
    from graft.backbones.load import load_for_any

    networks = dict.fromkeys(plugins.load("task", task).network() for task in plugins.names("task"))
    backbone = load_for_any(name, list(networks), pretrained=False)
    sizes = {tensor: parameter.numel() for tensor, parameter in backbone.network.named_parameters()}
    groups = [
        {"name": g.name, "parameters": sum(sizes.get(t, 0) for t in g.tensors)}
        for g in backbone.groups
    ]
    total = sum(sizes.values())
    return {
        "kind": "backbone",
        "name": backbone.name,
        "features": backbone.kind,
        "parameters": total,
        "mb": round(total * 4 / 2**20, 1),
        "preprocess": backbone.preprocess.settings(),
        "lr": backbone.lr,
        "groups": groups,
        "notes": backbone.notes,
    }


def _show_network(found: dict[str, Any]) -> None:
    typer.echo(
        f"{found['name']}: {found['parameters']:,} parameters, {found['mb']} MB, {found['features']} features"
    )
    typer.echo(
        ", ".join(f"{key} {value}" for key, value in found["preprocess"].items())
        + f"; lr {found['lr']:g}"
    )
    show.table(
        ["layer group, in forward order", "parameters"],
        [[g["name"], f"{g['parameters']:,}"] for g in found["groups"]],
    )
    for note in found["notes"]:
        typer.echo(f"note: {note}")
