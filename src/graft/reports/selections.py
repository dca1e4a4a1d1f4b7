"""What each validator chooses without labels of the target, and what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graft.reports import words
from graft.reports.board import Board, Row
from graft.reports.words import is_known
from graft.training.validators.validator import VAL

ORACLE = "labels of the target"
"""The choice of the best on the test split, which is not available in practice."""
ABOUT = (
    "Validators look at no label of the target. The first row is the choice by labels of the test "
    "split, which is not available in practice; the last column is what choosing without them "
    "costs.",
    "For techniques that a validator values equally the table gives their mean. The controls are "
    "not among the techniques.",
)
"""What the page says below the table."""
_DISTANCE = (
    "In the features of the chosen network the proxy A-distance of the domains is {distance:.2f}: "
    "0 if a linear classifier cannot separate them, 2 if it never errs."
)


@dataclass(frozen=True)
class Selection:
    """The technique that is chosen by a validator, and by how much the best one is better."""

    by: str
    technique: str
    score: float
    loss: float


def select_by_each(board: Board) -> list[Selection]:
    """Return the choice of each validator at the largest training size, the least loss first.

    Before them is the choice by labels of the target. Empty without a target, and if there was
    nothing to choose from: fewer than two techniques were measured.
    """
    rows = board.at(board.choices[0].size) if board.choices else []
    rows = [r for r in rows if r.is_measured and not (r.cell.is_baseline or r.cell.is_control)]
    names = dict.fromkeys(name for row in rows for name in row.validators)
    if not names or len(rows) < 2:
        return []
    best = max(rows, key=lambda row: row.quality)
    chosen = {name: _choose(rows, name) for name in (VAL, *names)}
    selections = [_select(name, best, several) for name, several in chosen.items() if several]
    oracle = _select(ORACLE, best, [best])
    return [oracle, *sorted(selections, key=lambda selection: selection.loss)]


def _choose(rows: list[Row], validator: str) -> list[Row]:
    """The rows with the best value of a validator, or of the metric of validation; none if unknown.

    They are several if it values them equally.
    """
    highest = max((row.rating(validator) for row in rows), default=-math.inf)
    return [row for row in rows if row.rating(validator) == highest > -math.inf]


def _select(by: str, best: Row, chosen: list[Row]) -> Selection:
    """The selection; of several that are valued equally, what one of them reaches on average."""
    name = chosen[0].cell.name if len(chosen) == 1 else f"{len(chosen)} are valued equally"
    score = sum(row.score.value for row in chosen) / len(chosen)
    loss = best.quality - sum(row.quality for row in chosen) / len(chosen)
    return Selection(by, name, score, loss)


def describe_distance(board: Board) -> str:
    """Say how far apart the domains are in the features of the chosen network; empty if unknown."""
    best = board.choices[0].best if board.choices else None
    result = best.runs[0].result if best else None
    distance = ((result or {}).get("domains") or {}).get("proxy_a_distance")
    return _DISTANCE.format(distance=distance) if is_known(distance) else ""


def format_selections(board: Board) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table: validator, technique, score and loss."""
    metric = board.metric
    return [
        (
            "validation split of the source" if each.by == VAL else each.by,
            each.technique,
            words.value(metric, each.score),
            words.amount(metric, each.loss),
        )
        for each in select_by_each(board)
    ]
