"""What the page shows, made ready for the templates: every number is already a text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from graft.reports import figures, words
from graft.reports.leaderboard import Board, Row, Size
from graft.reports.read import Run, read_mistakes
from graft.reports.svg import Series
from graft.reports.verdict import Verdict

NUMBERED_CLASSES = 14
"""Up to so many classes the confusion matrix has numbers, above it is a picture."""
SHOWN_CLASSES = 40
CONFUSIONS = 10
SAMPLES = 8
SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Note"}


def page(board: Board, verdict: Verdict) -> dict[str, Any]:
    """The whole page as values for `report.html` and `report.md`."""
    colours = figures.palette(board)
    study = board.study
    largest = board.choices[0].size if board.choices else None
    main_rows = board.at(largest) if largest else []
    best = _best(board, main_rows)
    return {
        "title": _title(board),
        "facts": _facts(board),
        "verdict": verdict,
        "sentences": [_with_evidence(sentence) for sentence in verdict.sentences],
        "metric": words.metric_name(board.metric),
        "compares": study.compares,
        "sizes": [_size(board, size, colours, verdict) for size in _sizes(board)],
        "backbones": len({row.cell.backbone for row in board.rows if not row.cell.is_baseline}) > 1,
        "legend": [(name, Markup(figures.swatch(series))) for name, series in colours.items() if _drawn(name, board)],
        "convergence": _figures(figures.convergence(board, main_rows, colours)),
        "pareto": _figures(filter(None, [figures.quality_and_time(board, main_rows, colours)])),
        "efficiency": _figures(figures.data_efficiency(board, colours)),
        "best": _best_name(board, best),
        "best_seeds": len(best.seeds) if best else 0,
        "per_class": _per_class(best),
        "confusion": _confusion(best),
        "mistakes": _mistakes(best),
        "data": _data(board),
        "findings": [_finding(finding) for finding in study.findings],
        "phases": _phases(main_rows),
        "made": _made(board),
        "warnings": list(dict.fromkeys(w for run in study.finished for w in run.result.get("warnings") or [])),
        "unnamed": [run for run in study.runs if not run.spec],
    }


def _with_evidence(sentence: str) -> Markup:
    """The sentence with its intervals and p-values set apart."""
    unbroken = str(escape(sentence)).replace(" %", "\N{NO-BREAK SPACE}%")
    return Markup(re.sub(r"\([^()]*95.% interval[^()]*\)[.:]?", r'<span class="evidence">\g<0></span>', unbroken))


def _title(board: Board) -> str:
    path = str((board.study.about.get("data") or {}).get("path") or "data")
    return path.rstrip("/").rpartition("/")[2] or path


def _facts(board: Board) -> list[str]:
    study = board.study
    facts = [str(study.about.get("task", ""))]
    if study.finished:
        data = study.finished[0].result["data"]
        facts.append(words.plural(len(data["classes"]), "class").replace("classs", "classes"))
        train = max(run.result["data"]["counts"]["train"] for run in study.finished)
        others = [f"{data['counts'][split]:,} {split}" for split in ("val", "test") if split in data["counts"]]
        facts.append(", ".join([f"{train:,} train", *others]) + " examples")
    facts.append(words.plural(len(study.runs), "run") if study.compares else f"{study.runs[0].spec['technique']}, one run")
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
    size = "" if best.cell.size.fraction >= 1 else f", {words.training_size(best.cell.size.fraction, best.cell.size.shots)}"
    return f"{best.cell.name} of {words.short(best.cell.backbone)}{size}"


def _drawn(name: str, board: Board) -> bool:
    return any(row.cell.name == name and row.score for row in board.rows)


def _figures(found: Any) -> list[tuple[str, Markup]]:
    return [(figure.heading, Markup(figure.svg)) for figure in found]


def _size(board: Board, size: Size, colours: dict[str, Series], verdict: Verdict) -> dict[str, Any]:
    """One leaderboard: its rows with the axis that their intervals share."""
    rows = board.at(size)
    choice = next(choice for choice in board.choices if choice.size == size)
    low, high = figures.bounds(rows)
    low, high = math.floor(100 * low) / 100, math.ceil(100 * high) / 100
    high = max(high, low + 0.01)
    reference = choice.control.score.value if choice.control else None
    label = words.training_size(size.fraction, size.shots)
    names = list(dict.fromkeys(name for row in rows for name in row.others or {}))
    said = next((v for v in (verdict, *verdict.smaller) if v.training_size == label), None)
    return {
        "label": label,
        "sentences": [_with_evidence(sentence) for sentence in said.sentences] if said else [],
        "below": [f"{_name(row)} ({words.percent(row.score.value)} %)" for row in rows if row.score and row.score.value < low],
        "low": words.percent(low, 0),
        "high": words.percent(high, 0),
        "rows": [_row(row, row is choice.best or row == choice.best, colours, low, high, reference) for row in rows],
        "others": [words.metric_name(name) for name in names],
        "other_rows": [
            (_name(row), _of(row), [_fraction((row.others or {}).get(name), name) for name in names]) for row in rows if row.score
        ],
    }


def _row(row: Row, best: bool, colours: dict[str, Series], low: float, high: float, reference: float | None) -> dict[str, Any]:
    series = figures.BASELINE if row.cell.is_baseline else colours[row.cell.name]
    shown = {
        "kind": "baseline" if row.cell.is_baseline else "control" if row.cell.is_control else "technique",
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
        "score": words.percent(row.score.value),
        "interval": _range(row.score.low, row.score.high, words.percent),
        "val": words.percent(row.val) if words.known(row.val) else "",
        "difference": words.points(difference.value) if difference else "",
        "difference_interval": _range(difference.low, difference.high, words.points) if difference else "",
        "p": words.p(row.p_corrected).removeprefix("p ").removeprefix("= ") if difference else "",
        "train_seconds": words.seconds(cost.get("train_seconds")),
        "total_seconds": words.seconds(cost.get("total_seconds")) if "total_seconds" in cost else "",
        "memory": words.megabytes(cost.get("peak_memory_mb")) if "peak_memory_mb" in cost else "",
        "trainable": words.count(cost.get("trainable_parameters")) if "trainable_parameters" in cost else "",
        "total": words.count(cost.get("total_parameters")) if "total_parameters" in cost else "",
        "model": words.megabytes(cost.get("model_mb")) if "model_mb" in cost else "",
        "frozen": {True: "✓", False: "✗ changed", None: ""}[row.frozen],
    }


def _name(row: Row) -> str:
    return words.baseline_name(row.cell.name) if row.cell.is_baseline else row.cell.name


def _of(row: Row) -> str:
    return "trivial baseline" if row.cell.is_baseline else words.short(row.cell.backbone)


def _message(run: Run) -> str:
    seed = f"seed {run.spec.get('seed')}" if run.spec else run.folder.name
    return f"{seed} {run.state}: {run.message}" if run.message else f"{seed}: {run.state}"


def _range(low: float, high: float, write: Any) -> str:
    return f"{write(low)} to {write(high)}" if words.known(low) and words.known(high) else ""


def _fraction(value: float | None, name: str) -> str:
    """Calibration error and Brier score as the field writes them, other metrics in per cent."""
    if not words.known(value):
        return words.UNKNOWN
    return f"{value:.3f}" if name in ("ece", "brier") else words.percent(value)


def _per_class(best: Row | None) -> dict[str, Any] | None:
    """Means over the seeds; of many classes those with the lowest F1."""
    found = [run.result["per_class"] for run in best.runs if run.result and run.result.get("per_class")] if best else []
    if not found:
        return None
    rows = []
    for name in found[0]:
        mean = {key: _mean([each[name][key] for each in found]) for key in ("precision", "recall", "f1")}
        rows.append(
            {
                "name": name,
                "support": found[0][name]["support"],
                "f1_value": mean["f1"],
                **{k: words.percent(v) for k, v in mean.items()},
            }
        )
    if len(rows) <= SHOWN_CLASSES:
        return {"rows": rows, "hidden": 0}
    worst = sorted(rows, key=lambda row: row["f1_value"] if words.known(row["f1_value"]) else -1)[:SHOWN_CLASSES]
    return {"rows": worst, "hidden": len(rows) - SHOWN_CLASSES}


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if words.known(value)]
    return float(np.mean(found)) if found else None


def _confusion(best: Row | None) -> dict[str, Any] | None:
    """The counts of all seeds together."""
    found = [run.result["confusion"] for run in best.runs if run.result and run.result.get("confusion")] if best else []
    if not found:
        return None
    classes, matrix = found[0]["classes"], np.sum([each["matrix"] for each in found], axis=0)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    wrong = [(int(matrix[i, j]), classes[i], classes[j]) for i, j in np.argwhere(matrix) if i != j]
    small = len(classes) <= NUMBERED_CLASSES
    return {
        "classes": classes,
        "rows": [
            (
                name,
                [
                    (int(n), round(100 * (s if i == j else math.sqrt(s))), i == j)
                    for j, (n, s) in enumerate(zip(matrix[i], share[i], strict=True))
                ],
            )
            for i, name in enumerate(classes)
        ]
        if small
        else [],
        "heatmap": Markup("" if small else figures.heatmap(matrix.tolist())),
        "most": sorted(wrong, key=lambda row: -row[0])[:CONFUSIONS],
    }


def _mistakes(best: Row | None) -> dict[str, Any] | None:
    run = next((run for run in best.runs if run.result), None) if best else None
    found = read_mistakes(run) if run else []
    if not found:
        return None
    return {"seed": run.result["seed"], "rows": [_mistake(row) for row in found]}


def _mistake(row: dict[str, Any]) -> dict[str, str]:
    """An image only where the preview carries its own pixels; anything else is shown as the text that it is."""
    preview = str(row.get("preview") or "")
    is_image = row.get("kind") == "image" and preview.startswith("data:image/")
    return {
        "id": row["id"],
        "target": _label(row["target"]),
        "prediction": _label(row["prediction"]),
        "confidence": words.percent(row["confidence"], 0),
        "image": preview if is_image else "",
        "text": "" if is_image else preview,
    }


def _label(label: str | Sequence[str]) -> str:
    return label if isinstance(label, str) else ", ".join(label) or "no label"


def _data(board: Board) -> dict[str, Any]:
    if not board.study.finished:
        return {"counts": [], "classes": [], "notes": []}
    largest = max(board.study.finished, key=lambda run: run.result["data"]["counts"]["train"]).result["data"]
    found = {finding["message"] for finding in board.study.findings}
    notes = [note for note in largest.get("notes") or [] if note not in found]
    return {"counts": list(largest["counts"].items()), "classes": largest["classes"], "notes": notes}


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
            "speed": words.count(row.cost.get("samples_per_second")),
            "cache": f"{row.cost['cache_gain']:.1f} ×" if words.known(row.cost.get("cache_gain")) else "not used",
            "frozen": _frozen(row),
        }
        for row in rows
        if row.score and not row.cell.is_baseline
    ]


def _frozen(row: Row) -> str:
    found = next(run.result.get("frozen") or {} for run in row.runs if run.result)
    if not found.get("tensors"):
        return "nothing frozen"
    return f"{found['tensors']} tensors, {'unchanged' if row.frozen else 'CHANGED'}"


def _made(board: Board) -> dict[str, Any]:
    about, study = board.study.about, board.study
    data = about.get("data") or {}
    selected = sorted({run.result["selected_by"] for run in study.finished})
    settings = {
        "Data": data.get("path"),
        "Data hash": data.get("hash"),
        "Format": data.get("format"),
        "Reading options": ", ".join(f"{key}={value}" for key, value in (data.get("options") or {}).items() if value is not None),
        "Task": about.get("task"),
        "Backbones": ", ".join(about.get("backbones") or [about.get("backbone") or ""]),
        "Techniques": ", ".join(about.get("techniques") or [about.get("technique") or ""]),
        "Seeds": ", ".join(str(seed) for seed in about.get("seeds") or [about.get("seed")]),
        "Training sizes": ", ".join(words.training_size(s.fraction, s.shots) for s in _sizes(board)),
        "Epochs": about.get("epochs") or "each technique's own",
        "Batch size": about.get("batch_size") or "each technique's own",
        "Precision": about.get("precision"),
        "Models selected by": ", ".join(selected),
    }
    return {
        "command": about.get("command"),
        "settings": [(name, str(value)) for name, value in settings.items() if value not in (None, "")],
        "hardware": [
            (str(key).replace("_gb", " (GB)").replace("_", " "), str(value))
            for key, value in (about.get("hardware") or {}).items()
        ],
        "versions": [(str(key), str(value)) for key, value in (about.get("versions") or {}).items()],
    }
