"""What networks forgot while they were adapted, beside what they learned: sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from graft.metrics.find import find_or_assume
from graft.metrics.metric import Metric
from graft.reports import words
from graft.reports.board import Board, Row

_SENTENCE = (
    "Forgetting: {metric} of the pretrained head on {examples:,} samples of {data} was {before}, "
    "and is {after} now ({difference}, 95 % interval {interval})."
)


@dataclass(frozen=True)
class Forgotten:
    """What the networks of a row forgot, as means over the seeds.

    All seeds are measured on the same samples, so the bounds of the interval are means as well.
    """

    metric: Metric
    before: float
    after: float
    difference: float
    low: float
    high: float
    examples: int
    data: str


def average_forgetting(row: Row) -> Forgotten | None:
    """Return the means of a row; None if its runs were not asked for it."""
    results = [run.result.get("forgetting") for run in row.runs if run.result]
    records = [record for record in results if record]
    if not records:
        return None
    first = records[0]
    return Forgotten(
        find_or_assume(first["metric"]),
        *(fmean(record[key] for record in records) for key in ("before", "after")),
        *(fmean(record["difference"][key] for record in records) for key in _BOUNDS),
        first["examples"],
        first["data"],
    )


_BOUNDS = ("value", "low", "high")


def write_forgetting(record: Mapping[str, Any]) -> str:
    """Return the sentence about one run, from `forgetting` of its result.json."""
    metric, change = find_or_assume(record["metric"]), record["difference"]
    return _SENTENCE.format(
        metric=metric.words,
        examples=record["examples"],
        data=record["data"],
        before=words.format_value(metric, record["before"]),
        after=words.format_value(metric, record["after"]),
        difference=words.difference(metric, change["value"]),
        interval=words.differences(metric, change["low"], change["high"]),
    )


def forgetting_column(rows: Sequence[Row]) -> tuple[str, list[str]] | None:
    """Return the heading and the cells of a column of a leaderboard; None if nothing is known."""
    each = [average_forgetting(row) for row in rows]
    known = [forgotten for forgotten in each if forgotten]
    if not known:
        return None
    cells = [
        f"{words.value(f.metric, f.after)} ({words.difference(f.metric, f.difference)})"
        if f
        else ""
        for f in each
    ]
    return f"source {words.axis(known[0].metric)}", cells


def describe_forgetting(board: Board) -> dict[str, Any]:
    """Return the table of a report: what was learned beside what was forgotten; {} if unknown."""
    rows = [row for row in board.rows if row.is_measured]
    known = [(row, forgotten) for row in rows if (forgotten := average_forgetting(row))]
    if not known:
        return {}
    _, first = known[0]
    return {
        "metric": words.axis(first.metric),
        "lower": not first.metric.higher_is_better,
        "data": first.data,
        "rows": [_describe(row, forgotten, board.metric) for row, forgotten in known],
    }


def _describe(row: Row, forgotten: Forgotten, metric: Metric) -> dict[str, str]:
    source = forgotten.metric
    return {
        "examples": f"{forgotten.examples:,}",
        "technique": row.words,
        "backbone": words.short(row.cell.backbone),
        "score": words.value(metric, row.score.value),
        "before": words.value(source, forgotten.before),
        "after": words.value(source, forgotten.after),
        "difference": words.difference(source, forgotten.difference),
        "interval": words.differences(source, forgotten.low, forgotten.high),
    }
