"""Techniques over several domains, each of which was left out once: their mean and its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from graft.metrics.intervals import bounds
from graft.metrics.metric import Metric
from graft.reports import words
from graft.reports.board import Board, Cell


@dataclass(frozen=True)
class Spread:
    """A mean over domains with the 95 % interval of Student's t; nan where it is not known."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class DomainRow:
    """What a technique reaches on each domain that it did not learn from, as means over seeds."""

    technique: str
    backbone: str | None
    scores: Mapping[str, float | None]
    """Domain -> the test metric; None if it was not measured."""
    score: Spread
    to_control: Spread
    """The differences to the control, over the domains where both were measured."""


def summarize_domains(boards: Mapping[str, Board]) -> list[DomainRow]:
    """A row a technique or baseline, the best mean first."""
    metric = next(iter(boards.values())).metric
    cells: dict[Cell, None] = {}
    for board in boards.values():
        cells |= dict.fromkeys(row.cell for row in board.at(board.choices[0].size))
    rows = [_row(cell, boards) for cell in cells]
    known = (row for row in rows if not math.isnan(row.score.mean))
    unknown = [row for row in rows if math.isnan(row.score.mean)]
    return [*sorted(known, key=lambda row: -metric.sign * row.score.mean), *unknown]


def _row(cell: Cell, boards: Mapping[str, Board]) -> DomainRow:
    scores: dict[str, float | None] = {}
    differences = []
    for name, board in boards.items():
        row = next((row for row in board.rows if row.cell == cell and row.is_measured), None)
        scores[name] = row.score.value if row else None
        if row and row.to_control:
            differences.append(row.to_control.value)
    measured = [score for score in scores.values() if score is not None]
    # A mean over fewer domains than the others have is no rank among them.
    complete = measured if len(measured) == len(boards) else []
    of_control = differences if len(differences) == len(boards) else []
    return DomainRow(cell.name, cell.backbone, scores, _spread(complete), _spread(of_control))


def _spread(values: Sequence[float]) -> Spread:
    if len(values) < 2:
        return Spread(math.nan, math.nan, math.nan)
    count = len(values)
    return Spread(fmean(values), *bounds(fmean(values), variance(values) / count, count - 1))


def format_domains(metric: Metric, rows: Sequence[DomainRow]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells of the table: domains, mean, interval, and to the control."""
    names = list(rows[0].scores)
    several = len({row.backbone for row in rows if row.backbone}) > 1
    header = [
        "technique",
        *names,
        "all domains",
        "95 % interval",
        "to the control",
        "95 % interval",
    ]
    cells = [
        [
            _name(row, several),
            *(_value(metric, row.scores[name]) for name in names),
            _value(metric, row.score.mean),
            words.values(metric, row.score.low, row.score.high),
            _value(metric, row.to_control.mean, is_difference=True),
            words.differences(metric, row.to_control.low, row.to_control.high),
        ]
        for row in rows
    ]
    return header, cells


def _name(row: DomainRow, several: bool) -> str:
    if row.backbone is None:
        return f"{row.technique} (baseline)"
    return f"{row.technique} of {words.short(row.backbone)}" if several else row.technique


def _value(metric: Metric, number: float | None, is_difference: bool = False) -> str:
    if not words.is_known(number):
        return words.UNKNOWN
    return words.difference(metric, number) if is_difference else words.value(metric, number)


def to_markdown(title: str, metric: Metric, rows: Sequence[DomainRow]) -> str:
    """Return the table as a page."""
    header, cells = format_domains(metric, rows)
    lines = [
        f"# {title}",
        "",
        f"Test {words.axis(metric)} on each domain, of what was learned from the others; means "
        "over the seeds. The interval is over domains: what to expect of another one like these, "
        f"as far as {len(rows[0].scores)} can show it. The page of each is in its folder.",
        "",
        f"| {' | '.join(header)} |",
        "| --- |" + " ---: |" * (len(header) - 1),
        *(f"| {' | '.join(row)} |" for row in cells),
    ]
    return "\n".join(lines) + "\n"
