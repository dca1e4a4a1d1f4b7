"""The values of the page for its templates: every number is already a text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from graft.base.counts import plural
from graft.metrics.metric import Metric
from graft.reports import details, figures, provenance, words
from graft.reports.board import Board, Row, Size
from graft.reports.conflicts import conflicts
from graft.reports.controls import describe_controls
from graft.reports.forgetting import describe_forgetting
from graft.reports.groups import by_group
from graft.reports.read import Run
from graft.reports.selections import ABOUT, describe_distance, format_selections
from graft.reports.statistics import Difference, Interval
from graft.reports.svg import Series, number
from graft.reports.teachers import describe_teachers
from graft.reports.together import describe_tasks, matrices
from graft.reports.verdict import Verdict, control_words
from graft.training.validators.validator import VAL

LETTERS = 10
"""The longest name of a metric that fits above narrow columns."""


def page(board: Board, verdict: Verdict) -> dict[str, Any]:
    """The whole page as values for `report.html` and `report.md`."""
    colors = figures.palette(board)
    study, metric = board.study, board.metric.words
    largest = board.choices[0].size if board.choices else None
    main_rows = board.at(largest) if largest else []
    best, watched = _best(board, main_rows), figures.watched_metric(board, main_rows)
    trade_off = figures.quality_and_time(board, main_rows, colors)
    return {
        "title": _title(board),
        "facts": _facts(board),
        "verdict": verdict,
        "sentences": [_mark_evidence(sentence) for sentence in verdict.sentences],
        "metric": metric,
        "axis": words.axis(board.metric),
        "column": metric if len(metric) <= LETTERS else "value",
        "watched_apart": words.axis(watched) if watched != board.metric else "",
        "is_fraction": board.metric.is_fraction,
        "higher_is_better": board.metric.higher_is_better,
        "compares": study.compares,
        "selected_by": "validation" if study.selected_by == VAL else study.selected_by,
        "control": control_words(board.choices[0] if board.choices else None),
        "selections": format_selections(board),
        "about_selections": ABOUT,
        "distance": describe_distance(board),
        **_tasks(board, verdict),
        "teachers": describe_teachers(verdict.teachers),
        "forgetting": describe_forgetting(board),
        "sizes": [_size(board, size, colors, verdict) for size in _sizes(board)],
        "backbones": len({row.cell.backbone for row in board.rows if not row.cell.is_baseline}) > 1,
        "legend": _legend(board, colors),
        "convergence": _figures(figures.convergence(board, main_rows, colors)),
        "watched": watched.words,
        "pretrained": any(
            "held_out" in line for row in main_rows for run in row.runs for line in run.history
        ),
        "pareto": _figures([trade_off] if trade_off else []),
        "pareto_note": trade_off.note if trade_off else "",
        "efficiency": _figures(figures.data_efficiency(board, colors)),
        **_describe_best(board, best),
        "data": provenance.data(board),
        "findings": [provenance.finding(finding) for finding in study.findings],
        "phases": _phases(main_rows),
        "made": provenance.describe_study(board),
        "warnings": list(
            dict.fromkeys(w for run in study.finished for w in run.result.get("warnings") or [])
        ),
        "unnamed": [run for run in study.runs if not run.spec],
    }


def _tasks(board: Board, verdict: Verdict) -> dict[str, Any]:
    """Return what is known of several tasks: whether they help each other, and their gradients."""
    return {
        "tasks": describe_tasks(verdict.tasks),
        "matrices": matrices(verdict.tasks),
        "conflicts": conflicts(board),
    }


def _describe_best(board: Board, best: Row | None) -> dict[str, Any]:
    """Return the details of the selected technique."""
    return {
        "best": _best_name(board, best),
        "best_seeds": len(best.seeds) if best else 0,
        "points": details.points(best),
        "curves": details.curves(best),
        "per_class": details.per_class(best),
        "by_group": by_group(board, best),
        "confusion": details.confusion(best),
        "mistakes": details.mistakes(best),
        "galleries": details.galleries(best),
        "samples": details.samples(best),
    }


def _mark_evidence(sentence: str) -> Markup:
    """Mark the intervals and p-values of a sentence, which the page prints in small type."""
    unbroken = str(escape(sentence)).replace(" %", "\N{NO-BREAK SPACE}%")
    return Markup(
        re.sub(
            r"\([^()]*95.% interval[^()]*\)[.:]?", r'<span class="evidence">\g<0></span>', unbroken
        )
    )


def _title(board: Board) -> str:
    data = board.study.about.get("data") or {}
    target = (data.get("options") or {}).get("target")
    paths = [str(data.get("path") or "data"), *([str(target)] if target else [])]
    return " to ".join(path.rstrip("/").rpartition("/")[2] or path for path in paths)


def _facts(board: Board) -> list[str]:
    study = board.study
    facts = [str(study.about.get("task", ""))]
    if study.finished:
        data = study.finished[0].result["data"]
        if data["classes"]:
            facts.append(plural(len(data["classes"]), "class"))
        train = max(run.result["data"]["counts"]["train"] for run in study.finished)
        others = [
            f"{data['counts'][split]:,} {split}"
            for split in ("val", "test")
            if split in data["counts"]
        ]
        facts.append(", ".join([f"{train:,} train", *others]) + " examples")
    facts.append(
        plural(len(study.runs), "run")
        if study.compares
        else f"{study.runs[0].spec['technique']}, one run"
    )
    return facts


def _sizes(board: Board) -> list[Size]:
    return [choice.size for choice in board.choices]


def _best(board: Board, rows: Sequence[Row]) -> Row | None:
    """The row whose classes and mistakes are shown: that which validation selects, else any."""
    chosen = next((choice.best for choice in board.choices if choice.best), None)
    return chosen or next((row for row in rows if row.score and not row.cell.is_baseline), None)


def _best_name(board: Board, best: Row | None) -> str:
    if best is None:
        return ""
    size = (
        ""
        if best.cell.size.fraction >= 1
        else f", {words.training_size(best.cell.size.fraction, best.cell.size.shots)}"
    )
    return f"{best.cell.name} of {words.short(best.cell.backbone)}{size}"


def _legend(board: Board, colors: dict[str, Series]) -> list[tuple[str, Markup]]:
    """The names that have a color, with a mark of it."""
    return [
        (name, Markup(figures.swatch(series)))
        for name, series in colors.items()
        if _has_score(name, board)
    ]


def _has_score(name: str, board: Board) -> bool:
    return any(row.cell.name == name and row.score for row in board.rows)


def _figures(figures: Any) -> list[tuple[str, Markup]]:
    return [(figure.heading, Markup(figure.svg)) for figure in figures]


def _size(board: Board, size: Size, colors: dict[str, Series], verdict: Verdict) -> dict[str, Any]:
    """One leaderboard: its rows with the axis that their intervals share."""
    rows = board.at(size)
    choice = next(choice for choice in board.choices if choice.size == size)
    axis = low, high = _ends(board.metric, *figures.bounds(rows))
    far = [row for row in rows if row.is_measured and not figures.is_in_range(row, low, high)]
    digits = _Decimals.of(rows)
    reference = choice.control.score.value if choice.control else None
    label = words.training_size(size.fraction, size.shots)
    watched = figures.watched_metric(board, rows)
    chosen = next((v for v in (verdict, *verdict.smaller) if v.training_size == label), None)
    return {
        "label": label,
        "sentences": [_mark_evidence(sentence) for sentence in chosen.sentences] if chosen else [],
        "beyond": [
            f"{row.words} ({words.format_value(board.metric, row.score.value)})" for row in far
        ],
        "low": number(words.scale(board.metric, low)),
        "high": number(words.scale(board.metric, high)),
        "rows": [
            {
                **_row(row, row == choice.best, colors, axis, digits, reference),
                "val": _validation(watched, row, digits.val),
            }
            for row in rows
        ],
        **_other_metrics(board, rows),
        "remarks": [*describe_controls(rows), *_undefined(board, rows)],
    }


def _other_metrics(board: Board, rows: Sequence[Row]) -> dict[str, Any]:
    """The table of the metrics beside the primary one: a column a metric, with equal decimals."""
    rows = [row for row in rows if row.score]
    names = dict.fromkeys(name for row in rows for name in row.others or {})
    columns = [
        _column(board.study.metric(name), [row.others or {} for row in rows]) for name in names
    ]
    values = list(zip(*columns, strict=True)) or [()] * len(rows)
    return {
        "others": [words.axis(board.study.metric(name)) for name in names],
        "other_rows": [
            (row.words, _origin(row), numbers) for row, numbers in zip(rows, values, strict=True)
        ],
    }


def _column(metric: Metric, rows: Sequence[Mapping[str, float | None]]) -> list[str]:
    """The values of a metric, a dash in the rows that do not have it."""
    decimals = words.column_decimals([row.get(metric.name)] for row in rows)
    return [
        words.value(metric, row[metric.name], decimals) if metric.name in row else words.UNKNOWN
        for row in rows
    ]


def _undefined(board: Board, rows: Sequence[Row]) -> list[str]:
    """Why metrics have no value in some of the rows."""
    values = [
        (name, value)
        for row in rows
        if row.score
        for name, value in ((board.metric.name, row.score.value), *(row.others or {}).items())
    ]
    names = dict.fromkeys(name for name, value in values if not words.is_known(value))
    return words.why_undefined(board.study.metric(name) for name in names)


@dataclass(frozen=True)
class _Decimals:
    """The decimals of the columns of a leaderboard."""

    score: int
    val: int
    difference: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Decimals:
        scores = [row.score for row in rows if row.score]
        differences = [row.to_control for row in rows if row.to_control]
        return cls(
            words.column_decimals((each.value, each.low, each.high) for each in scores),
            words.column_decimals([row.val] for row in rows),
            words.column_decimals(
                ((each.value, each.low, each.high) for each in differences), apart=True
            ),
        )


def _ends(metric: Metric, low: float, high: float) -> tuple[float, float]:
    """The axis from low to high, widened to whole per cent or to round numbers of another unit."""
    spread = (high - low) or abs(high) or 1.0
    steps = 100.0 if metric.is_fraction else 10.0 ** (1 - math.floor(math.log10(spread)))
    low, high = math.floor(steps * low) / steps, math.ceil(steps * high) / steps
    return low, max(high, low + 1 / steps)


def _row(
    row: Row,
    best: bool,
    colors: dict[str, Series],
    axis: tuple[float, float],
    digits: _Decimals,
    reference: float | None,
) -> dict[str, Any]:
    metric = row.metric
    series = figures.BASELINE if row.cell.is_baseline else colors[row.cell.name]
    shown = {
        "kind": "baseline"
        if row.cell.is_baseline
        else "control"
        if row.cell.is_control
        else "technique",
        "best": best,
        "name": row.words,
        "backbone": _origin(row),
        "swatch": Markup(figures.swatch(series)),
        "seeds": ""
        if row.cell.is_baseline
        else f"{len(row.seeds)}"
        if not row.unfinished
        else f"{len(row.seeds)} of {len(row.runs)}",
        "messages": list(dict.fromkeys(_message(run) for run in row.unfinished)),
        "finished": row.score is not None,
    }
    if row.score is None:
        return shown
    cost = row.cost or {}
    return shown | {
        "bar": Markup(
            figures.interval_bar(row.score, series, *axis, reference) if row.is_measured else ""
        ),
        "score": words.value(metric, row.score.value, digits.score),
        "interval": _range(metric, row.score, words.values, digits.score),
        **_to_control(row, digits.difference),
        "train_seconds": words.seconds(cost.get("train_seconds")),
        "total_seconds": words.seconds(cost.get("total_seconds"))
        if "total_seconds" in cost
        else "",
        "memory": words.megabytes(cost.get("peak_memory_mb")) if "peak_memory_mb" in cost else "",
        "trainable": words.count(cost.get("trainable_parameters"))
        if "trainable_parameters" in cost
        else "",
        "total": words.count(cost.get("total_parameters")) if "total_parameters" in cost else "",
        "model": words.megabytes(cost.get("model_mb")) if "model_mb" in cost else "",
        "example": f"{cost['example_ms']:.3g} ms" if cost.get("example_ms") else "",
        "frozen": {True: "✓", False: "✗ changed", None: ""}[row.frozen],
    }


def _to_control(row: Row, decimals: int) -> dict[str, str]:
    """The difference to the control with its evidence; nothing where there is none."""
    apart = row.to_control
    if not apart:
        return dict.fromkeys(("difference", "difference_interval", "p"), "")
    return {
        "difference": words.difference(row.metric, apart.value, decimals=decimals),
        "difference_interval": _range(row.metric, apart, words.differences, decimals),
        "p": words.p_value(row.p_corrected),
    }


def _validation(watched: Metric, row: Row, decimals: int) -> str:
    """The validation metric, by its name where it is not the one that the column is for."""
    if not words.is_known(row.val):
        return ""
    if row.watched == watched:
        return words.value(watched, row.val, decimals)
    return f"{words.format_value(row.watched, row.val)} {row.watched.words}"


def _origin(row: Row) -> str:
    return "trivial baseline" if row.cell.is_baseline else words.short(row.cell.backbone)


def _message(run: Run) -> str:
    seed = f"seed {run.spec.get('seed')}" if run.spec else run.folder.name
    return f"{seed} {run.state}: {run.message}" if run.message else f"{seed}: {run.state}"


def _range(
    metric: Metric, interval: Interval | Difference, write: Callable[..., str], decimals: int
) -> str:
    return (
        write(metric, interval.low, interval.high, decimals=decimals)
        if words.is_known(interval.low) and words.is_known(interval.high)
        else ""
    )


def _phases(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Speed, and what the frozen-feature cache saved, one row per technique."""
    return [
        {
            "name": row.cell.name,
            "backbone": words.short(row.cell.backbone),
            "speed": words.count(row.cost.get("samples_per_second") or None),
            "cache": f"{row.cost['cache_gain']:.1f} ×"
            if words.is_known(row.cost.get("cache_gain"))
            else "not used",
            "frozen": _frozen(row),
        }
        for row in rows
        if row.score and not row.cell.is_baseline
    ]


def _frozen(row: Row) -> str:
    frozen = next(run.result.get("frozen") or {} for run in row.runs if run.result)
    if not frozen.get("tensors"):
        return "nothing frozen" if frozen.get("phases") else "nothing trained"
    return f"{frozen['tensors']} tensors, {'unchanged' if row.frozen else 'CHANGED'}"
