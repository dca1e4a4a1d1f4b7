"""Show a finished study in a terminal: its leaderboard, its verdict and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from graft.base.durations import duration
from graft.cli import show

if TYPE_CHECKING:
    from graft.metrics.metric import Metric


def leaderboard(folder: Path) -> None:
    """Show one row per technique and baseline: the mean over seeds, its interval, its cost."""
    from graft.reports import words
    from graft.reports.controls import describe_controls
    from graft.reports.forgetting import forgetting_column
    from graft.reports.leaderboard import build
    from graft.reports.read import read

    board = build(read(folder))
    runs = [row.cell for row in board.rows if not row.cell.is_baseline]
    several = len({(cell.backbone, cell.size) for cell in runs}) > 1
    header = [
        "technique",
        f"test {words.axis(board.metric)}",
        "95 % interval",
        "training",
        "trained parameters",
    ]
    scores = [row.score for row in board.rows if row.score]
    decimals = words.column_decimals((score.value, score.low, score.high) for score in scores)
    rows = [_board_row(board.metric, row, several, decimals) for row in board.rows]
    if column := forgetting_column(board.rows):
        pairs = zip(rows, column[1], strict=True)
        header, rows = [*header, column[0]], [[*cells, cell] for cells, cell in pairs]
    show.table(header, rows)
    for sentence in describe_controls(board.rows):
        typer.echo(sentence)


def _board_row(metric: Metric, row: Any, several: bool, decimals: int) -> list[str]:
    from graft.reports import words

    cell, cost, score = row.cell, row.cost or {}, row.score
    name = f"{cell.name} (baseline)" if cell.is_baseline else cell.name
    if several:
        size = f"{cell.size.fraction:.0%}" if cell.size.fraction < 1 else ""
        name = " · ".join(
            part for part in (name, (cell.backbone or "").rpartition(":")[2], size) if part
        )
    seconds, trained = cost.get("train_seconds"), cost.get("trainable_parameters")
    cells = ["failed" if row.runs else "", ""]
    if score:
        cells = [
            words.value(metric, score.value, decimals),
            words.values(metric, score.low, score.high, decimals),
        ]
    return [
        name,
        *cells,
        duration(seconds) if seconds is not None else "",
        f"{trained:,.0f}" if trained else "",
    ]


def verdict(verdict: Any) -> None:
    """Show the verdict in words, and its cautions."""
    typer.echo("")
    for sentence in verdict.sentences:
        typer.echo(sentence)
    if verdict.tasks:
        tasks(verdict.tasks)
    if verdict.teachers:
        teachers(verdict.teachers)
    for caution in verdict.cautions:
        typer.echo(f"note: {caution}")


def tasks(verdicts: Sequence[Any]) -> None:
    """Show each of several tasks beside itself alone."""
    from graft.reports.together import describe_tasks

    names = ("alone", "together", "gain", "interval", "p", "outcome")
    rows = []
    for group in describe_tasks(verdicts):
        rows.append([f"{group['technique']}, {group['tasks']}", *[""] * len(names)])
        for row in group["rows"]:
            rows.append([f"  {row['task']}, {row['metric']}", *(row[name] for name in names)])
    header = ["task", "alone", "together", "difference", "95 % interval", "p", "the others"]
    show.table(header, rows)


def teachers(verdicts: Sequence[Any]) -> None:
    """Show each student beside the teacher that it learned from."""
    from graft.reports.teachers import describe_teachers

    rows = [
        {**row, "difference": f"{row['gain']} ({row['interval']})"}
        for row in describe_teachers(verdicts)
    ]
    header = ["student", "teacher", "its score", "score", "difference", "smaller", "quicker"]
    names = ("student", "teacher", "teacher_score", "score", "difference", "smaller", "quicker")
    show.table(header, [[row[name] for name in names] for row in rows])
