"""The verbs that list and explain what can be chosen: list, info; read from the files."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer

from graft.base import files, plugins
from graft.base.errors import BadValue, UnknownName
from graft.cli import cards, show
from graft.cli import options as o
from graft.metrics.listing import list_metrics

KINDS = {f"{axis}s": axis for axis in (*plugins.AXES, "metric")}
WIDTH = 96
"""The columns of the text about a parameter."""


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            help="tasks, techniques, sources, backbones, heads, kinds, formats, scores, validators "
            "or metrics."
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
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="With techniques: those of a kind of transfer: inductive, transductive (labels of "
            "another domain alone) or unsupervised (no labels).",
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
    if kind and what != "techniques":
        raise BadValue(
            f"--kind {kind} lists techniques. Write: graft list techniques --kind {kind}"
        )
    if source:
        rows_of = {what: _networks(source)}
    elif kind:
        rows_of = {what: _techniques(kind)}
    else:
        rows_of = {kind: _rows(axis) for kind, axis in KINDS.items() if what in (None, kind)}
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
            help="A technique, task, source, head, metric, kind, format, score, validator or "
            "built-in backbone; or any network, to see its layer groups: wheel:minilm-l6, "
            "timm:resnet50."
        ),
    ],
    as_json: o.Json = False,
) -> None:
    """Explain one of them, with its parameters, their defaults and an example."""
    answers = cards.find_cards(name) or cards.find_cards(_without_parameters(name))
    if not answers and ":" not in name and not files.is_folder(name):
        raise UnknownName.of("name", name, cards.known_names(), see="graft list")
    answers = answers or [cards.network(name)]
    if as_json:
        show.answer_json(answers[0] if len(answers) == 1 else answers)
        return
    for number, card in enumerate(answers):
        typer.echo("\n" if number else "", nl=False)
        _show(card)


def _without_parameters(name: str) -> str:
    """Return `lora` of `lora:r=4`; the name of a network is left as it is."""
    first, _, _ = name.partition(":")
    return name if first in plugins.names("source") else first


def _rows(axis: str) -> list[dict[str, str]]:
    if axis == "metric":
        return [{"name": card.name, "summary": _sentence(card.meaning)} for card in list_metrics()]
    return [{"name": name, "summary": _summary(axis, name)} for name in plugins.names(axis)]


def _sentence(text: str) -> str:
    """Return the first sentence."""
    return text.partition(". ")[0].rstrip(".") + "."


def _summary(axis: str, name: str) -> str:
    summary = plugins.summary(axis, name)
    if axis != "backbone":
        return summary
    return f"{summary} {plugins.load(axis, name).pin.megabytes:.0f} MB to fetch"


def _techniques(kind: str) -> list[dict[str, str]]:
    """The techniques of a kind of transfer; raises UnknownName."""
    kinds = {
        name: plugins.class_variable("technique", name, "transfer")
        for name in plugins.names("technique")
    }
    if kind not in kinds.values():
        raise UnknownName.of("kind of transfer", kind, sorted(set(kinds.values())))
    return [row for row in _rows("technique") if kinds[row["name"]] == kind]


def _networks(source: str) -> list[dict[str, str]]:
    names = plugins.load("source", source)().names()
    return [{"name": f"{source}:{name}", "summary": ""} for name in names]


def _show(card: dict[str, Any]) -> None:
    show_card = {"network": _show_network, "backbone": _show_built_in, "metric": _show_metric}
    show_card.get(card["kind"], _show_plugin)(card)
    if card.get("example"):
        typer.echo(f"\nExample\n  {card['example']}")


def _show_plugin(card: dict[str, Any]) -> None:
    typer.echo(f"{card['name']} ({card['kind']})\n\n{card['description']}")
    special = [parameter for parameter in card["parameters"] if not parameter["shared"]]
    shared = [parameter for parameter in card["parameters"] if parameter["shared"]]
    if special:
        typer.echo(f"\nParameters, as {card['name']}:name=value,name=value")
        _show_parameters(special)
    if shared:
        typer.echo("\nParameters of every technique" if special else "\nParameters")
        _show_parameters(shared)


def _show_parameters(parameters: list[dict[str, Any]]) -> None:
    """Show each parameter with its default and what is allowed; below that, its meaning."""
    defaults = {p["name"]: f"{p['name']}={_default(p['default'])}" for p in parameters}
    width = max(map(len, defaults.values()))
    for parameter in parameters:
        allowed = parameter["allowed"] or parameter["type"]
        typer.echo(f"  {defaults[parameter['name']]:<{width}}  {allowed}")
        for line in textwrap.wrap(parameter["meaning"], WIDTH - width, break_on_hyphens=False):
            typer.echo(f"{'':<{width + 6}}{line}")


def _show_metric(card: dict[str, Any]) -> None:
    better = "higher" if card["higher_is_better"] else "lower"
    typer.echo(f"{card['name']} (metric; {better} is better)\n")
    typer.echo(textwrap.fill(card["meaning"], WIDTH))


def _show_built_in(card: dict[str, Any]) -> None:
    typer.echo(f"{card['name']} (built-in backbone)\n\n{card['description']}\n")
    for sentence in cards.size_and_license(card):
        typer.echo(sentence)


def _default(value: Any) -> str:
    return "auto" if value is None else str(value)


def _setting(value: Any) -> str:
    """Write a setting with its numbers rounded: `0.003922`."""
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_setting, value))})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_network(card: dict[str, Any]) -> None:
    size = f"{card['parameters']:,} parameters, {show.size(4 * card['parameters'])}"
    typer.echo(f"{card['name']}: {size}, {card['features']} features")
    settings = ", ".join(f"{key} {_setting(value)}" for key, value in card["preprocess"].items())
    typer.echo(f"{settings}; lr {card['lr']:g}")
    rows = [[group["name"], f"{group['parameters']:,}"] for group in card["groups"]]
    show.table(["layer group, in forward order", "parameters"], rows)
    for note in card["notes"]:
        typer.echo(f"note: {note}")
