"""The metrics as a person reads about them, from their files: to import them takes a second."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graft import metrics
from graft.base import plugins
from graft.base.fields import text_below


@dataclass(frozen=True)
class Card:
    """What a metric measures, and a command that shows its value."""

    name: str
    meaning: str
    example: str
    higher_is_better: bool


def list_metrics() -> list[Card]:
    """Return all metrics, sorted by name."""
    cards = [card for file in Path(metrics.__path__[0]).glob("*.py") for card in _cards(file)]
    return sorted(cards, key=lambda card: card.name.lower())


@cache
def _cards(file: Path) -> list[Card]:
    """Return the metrics of a module: its variables that are made with their own name first."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    example = plugins.split_example(ast.get_docstring(tree) or "")[1]
    return [
        Card(line.targets[0].id, text_below(tree, number), example, _is_higher_better(line.value))
        for number, line in enumerate(tree.body)
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Call) and _is_named(line)
    ]


def _is_named(line: ast.Assign) -> bool:
    """Whether the call's first argument is the name of the variable."""
    first = line.value.args[:1]
    return [ast.unparse(name) for name in first] == [repr(ast.unparse(line.targets[0]))]


def _is_higher_better(call: ast.Call) -> bool:
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return given.get("higher_is_better", "True") == "True"
