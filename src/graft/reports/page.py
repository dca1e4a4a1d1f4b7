"""What the page shows, made ready for the templates: every number is already a text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup, escape

from graft.base.counts import plural
from graft.metrics.intervals import FEWEST_GROUPS
from graft.reports import details, figures, words
from graft.reports.board import Board, Row, Size
from graft.reports.read import Run
from graft.reports.statistics import Difference, Interval
from graft.reports.svg import Series, number
from graft.reports.verdict import Verdict

LETTERS = 10
"""The longest name of a metric that stands over narrow columns."""
SAMPLES = 8
"""Examples of a finding that are shown."""
SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Note"}


def page(board: Board, verdict: Verdict) -> dict[str, Any]:
    """The whole page as values for `report.html` and `report.md`."""
    colours = figures.palette(board)
    study, metric = board.study, words.metric_name(board.metric)
    largest = board.choices[0].size if board.choices else None
    main_rows = board.at(largest) if largest else []
    best, watched = _best(board, main_rows), figures.watched(board, main_rows)
    return {
        "title": _title(board),
        "facts": _facts(board),
        "verdict": verdict,
        "sentences": [_with_evidence(sentence) for sentence in verdict.sentences],
        "metric": metric,
        "axis": words.axis(board.metric),
        "column": metric if len(metric) <= LETTERS else "value",
        "watched_apart": words.axis(watched) if watched != board.metric else "",
        "is_fraction": words.is_fraction(board.metric),
        "higher_is_better": board.sign > 0,
        "compares": study.compares,
        "sizes": [_size(board, size, colours, verdict) for size in _sizes(board)],
        "backbones": len({row.cell.backbone for row in board.rows if not row.cell.is_baseline}) > 1,
        "legend": [
            (name, Markup(figures.swatch(series)))
            for name, series in colours.items()
            if _drawn(name, board)
        ],
        "convergence": _figures(figures.convergence(board, main_rows, colours)),
        "watched": words.metric_name(watched),
        "pretrained": any(
            "held_out" in line for row in main_rows for run in row.runs for line in run.history
        ),
        "pareto": _figures(filter(None, [figures.quality_and_time(board, main_rows, colours)])),
        "efficiency": _figures(figures.data_efficiency(board, colours)),
        "best": _best_name(board, best),
        "best_seeds": len(best.seeds) if best else 0,
        "per_class": details.per_class(best),
        "confusion": details.confusion(best),
        "mistakes": details.mistakes(best),
        "samples": details.samples(best),
        "data": _data(board),
        "findings": [_finding(finding) for finding in study.findings],
        "phases": _phases(main_rows),
        "made": _made(board),
        "warnings": list(
            dict.fromkeys(w for run in study.finished for w in run.result.get("warnings") or [])
        ),
        "unnamed": [run for run in study.runs if not run.spec],
    }


def _with_evidence(sentence: str) -> Markup:
    """The sentence with its intervals and p-values set apart."""
    unbroken = str(escape(sentence)).replace(" %", "\N{NO-BREAK SPACE}%")
    return Markup(
        re.sub(
            r"\([^()]*95.% interval[^()]*\)[.:]?", r'<span class="evidence">\g<0></span>', unbroken
        )
    )


def _title(board: Board) -> str:
    path = str((board.study.about.get("data") or {}).get("path") or "data")
    return path.rstrip("/").rpartition("/")[2] or path


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
    """The row whose classes and mistakes are shown: the one that validation selects, else any that has finished."""
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


def _drawn(name: str, board: Board) -> bool:
    return any(row.cell.name == name and row.score for row in board.rows)


def _figures(found: Any) -> list[tuple[str, Markup]]:
    return [(figure.heading, Markup(figure.svg)) for figure in found]


def _size(board: Board, size: Size, colours: dict[str, Series], verdict: Verdict) -> dict[str, Any]:
    """One leaderboard: its rows with the axis that their intervals share."""
    rows = board.at(size)
    choice = next(choice for choice in board.choices if choice.size == size)
    low, high = _ends(board.metric, *figures.bounds(rows))
    far = [
        row
        for row in rows
        if row.score and words.known(row.score.value) and not figures.within(row, low, high)
    ]
    reference = choice.control.score.value if choice.control else None
    label = words.training_size(size.fraction, size.shots)
    names = list(dict.fromkeys(name for row in rows for name in row.others or {}))
    watched = figures.watched(board, rows)
    said = next((v for v in (verdict, *verdict.smaller) if v.training_size == label), None)
    return {
        "label": label,
        "sentences": [_with_evidence(sentence) for sentence in said.sentences] if said else [],
        "beyond": [
            f"{_name(row)} ({words.measured(board.metric, row.score.value)})" for row in far
        ],
        "low": number(words.scaled(board.metric, low)),
        "high": number(words.scaled(board.metric, high)),
        "rows": [
            {
                **_row(board.metric, row, row == choice.best, colours, low, high, reference),
                "val": _validation(watched, row),
            }
            for row in rows
        ],
        "others": [words.metric_name(name) for name in names],
        "other_rows": [
            (
                _name(row),
                _of(row),
                [words.value(name, (row.others or {}).get(name)) for name in names],
            )
            for row in rows
            if row.score
        ],
    }


def _ends(metric: str, low: float, high: float) -> tuple[float, float]:
    """The axis that holds low to high and ends at whole per cent, or at round numbers of another unit."""
    spread = (high - low) or abs(high) or 1.0
    steps = 100.0 if words.is_fraction(metric) else 10.0 ** (1 - math.floor(math.log10(spread)))
    low, high = math.floor(steps * low) / steps, math.ceil(steps * high) / steps
    return low, max(high, low + 1 / steps)


def _row(
    metric: str,
    row: Row,
    best: bool,
    colours: dict[str, Series],
    low: float,
    high: float,
    reference: float | None,
) -> dict[str, Any]:
    series = figures.BASELINE if row.cell.is_baseline else colours[row.cell.name]
    shown = {
        "kind": "baseline"
        if row.cell.is_baseline
        else "control"
        if row.cell.is_control
        else "technique",
        "best": best,
        "name": _name(row),
        "backbone": _of(row),
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
    cost, difference = row.cost or {}, row.to_control
    return shown | {
        "bar": Markup(figures.interval_bar(row.score, series, low, high, reference)),
        "score": words.value(metric, row.score.value),
        "interval": _range(metric, row.score, words.values),
        "difference": words.difference(metric, difference.value) if difference else "",
        "difference_interval": _range(metric, difference, words.differences) if difference else "",
        "p": words.p(row.p_corrected).removeprefix("p ").removeprefix("= ") if difference else "",
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
        "frozen": {True: "✓", False: "✗ changed", None: ""}[row.frozen],
    }


def _validation(watched: str, row: Row) -> str:
    """The validation metric, by its name where it is not the one that the column is for."""
    if not words.known(row.val):
        return ""
    if row.watched == watched:
        return words.value(watched, row.val)
    return f"{words.measured(row.watched, row.val)} {words.metric_name(row.watched)}"


def _name(row: Row) -> str:
    return words.baseline_name(row.cell.name) if row.cell.is_baseline else row.cell.name


def _of(row: Row) -> str:
    return "trivial baseline" if row.cell.is_baseline else words.short(row.cell.backbone)


def _message(run: Run) -> str:
    seed = f"seed {run.spec.get('seed')}" if run.spec else run.folder.name
    return f"{seed} {run.state}: {run.message}" if run.message else f"{seed}: {run.state}"


def _range(
    metric: str, found: Interval | Difference, write: Callable[[str, float, float], str]
) -> str:
    return (
        write(metric, found.low, found.high)
        if words.known(found.low) and words.known(found.high)
        else ""
    )


def _data(board: Board) -> dict[str, Any]:
    if not board.study.finished:
        return {"counts": [], "classes": [], "notes": []}
    largest = max(
        board.study.finished, key=lambda run: run.result["data"]["counts"]["train"]
    ).result["data"]
    found = {finding["message"] for finding in board.study.findings}
    notes = (
        [note for note in largest.get("notes") or [] if note not in found]
        + _not_read(board)
        + _grouped(board)
    )
    return {
        "counts": list(largest["counts"].items()),
        "classes": largest["classes"],
        "notes": notes,
    }


def _not_read(board: Board) -> list[str]:
    """What a backbone does not read to its end or does not know, in sentences, told of the run that has most training data."""
    runs = sorted(board.study.finished, key=lambda run: run.result["data"]["counts"]["train"])
    found = {run.result["backbone"]: run.result["data"] for run in runs}
    told = [
        (words.short(backbone), write(data))
        for backbone, data in found.items()
        for write in (words.cut_texts, words.unknown_tokens)
    ]
    return [f"{backbone}: {sentence}" for backbone, sentence in told if sentence]


def _grouped(board: Board) -> list[str]:
    """What intervals make of test examples that are about the same."""
    examples, groups = board.test_examples, board.test_groups
    if groups == examples:
        return []
    come = f"The {examples:,} test examples come in {plural(groups, 'group')} (of one text, document or speaker)"
    if groups < FEWEST_GROUPS:
        return [f"{come}: fewer than {FEWEST_GROUPS} groups allow no p-value and no verdict."]
    return [f"{come}: each group counts as one in intervals and p-values."]


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    samples = list(finding.get("samples") or [])
    return {
        "severity": SEVERITIES.get(finding["severity"], finding["severity"]),
        "css": finding["severity"] if finding["severity"] in SEVERITIES else "info",
        "message": finding["message"],
        "samples": samples[:SAMPLES],
        "more": max(0, len(samples) - SAMPLES),
    }


def _phases(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Speed and what the frozen-feature cache spared, a row a technique."""
    return [
        {
            "name": row.cell.name,
            "backbone": words.short(row.cell.backbone),
            "speed": words.count(row.cost.get("samples_per_second") or None),
            "cache": f"{row.cost['cache_gain']:.1f} ×"
            if words.known(row.cost.get("cache_gain"))
            else "not used",
            "frozen": _frozen(row),
        }
        for row in rows
        if row.score and not row.cell.is_baseline
    ]


def _frozen(row: Row) -> str:
    found = next(run.result.get("frozen") or {} for run in row.runs if run.result)
    if not found.get("tensors"):
        return "nothing frozen" if found.get("phases") else "nothing trained"
    return f"{found['tensors']} tensors, {'unchanged' if row.frozen else 'CHANGED'}"


def _made(board: Board) -> dict[str, Any]:
    about, study = board.study.about, board.study
    data = about.get("data") or {}
    selected = sorted({run.result["selected_by"] for run in study.finished})
    settings = {
        "Data": data.get("path"),
        "Data hash": data.get("hash"),
        "Format": data.get("format"),
        "Reading options": ", ".join(
            f"{key}={value}"
            for key, value in (data.get("options") or {}).items()
            if value is not None
        ),
        "Task": about.get("task"),
        "Backbones": ", ".join(about.get("backbones") or [about.get("backbone") or ""]),
        "Techniques": ", ".join(about.get("techniques") or [about.get("technique") or ""]),
        "Seeds": ", ".join(str(seed) for seed in about.get("seeds") or [about.get("seed")]),
        "Training sizes": ", ".join(
            words.training_size(s.fraction, s.shots) for s in _sizes(board)
        ),
        "Epochs": about.get("epochs") or "each technique's own",
        "Batch size": about.get("batch_size") or "each technique's own",
        "Precision": about.get("precision"),
        "Models selected by": ", ".join(selected),
    }
    return {
        "command": about.get("command"),
        "settings": [
            (name, str(value)) for name, value in settings.items() if value not in (None, "")
        ],
        "hardware": [
            (str(key).replace("_gb", " (GB)").replace("_", " "), str(value))
            for key, value in (about.get("hardware") or {}).items()
        ],
        "versions": [
            (str(key), str(value)) for key, value in (about.get("versions") or {}).items()
        ],
    }
