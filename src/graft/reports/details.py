"""The details of a technique on the page: its parts, confusions, mistakes and generated texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from graft.reports import prediction_figures, words
from graft.reports.board import Row
from graft.reports.read import Run
from graft.studies.records import read_examples, read_mistakes

NUMBERED_CLASSES = 14
"""Up to this many classes, the confusion matrix has numbers; with more, it is a picture."""
SHOWN_CLASSES = 40
CONFUSIONS = 10
MEDIA = ("image", "audio")
"""The kinds of preview that are data and no text."""
SAMPLES = 8
"""Generated texts that are shown."""


def per_class(best: Row | None) -> dict[str, Any] | None:
    """The table of parts of the test split that the task names, as means over the seeds.

    Of many rows those are shown for which the column of the table's rank is lowest.
    """
    results = [result for result in _results(best) if result.get("per_class")]
    if not results or "per_class_table" not in results[0]:
        return None
    table = results[0]["per_class_table"]
    names = dict.fromkeys(name for result in results for name in result["per_class"])
    columns = {column["key"]: column for column in table["columns"]}
    # A part that one seed neither predicted nor missed is not there.
    means = {
        name: _mean_row([r["per_class"][name] for r in results if name in r["per_class"]], columns)
        for name in names
    }
    ranked = sorted(names, key=lambda name: _rank(means[name][table["rank"]]))
    shown = ranked[:SHOWN_CLASSES] if len(ranked) > SHOWN_CLASSES else list(names)
    cells = [
        _column(column, [means[name][key] for name in shown], key == table["rank"])
        for key, column in columns.items()
    ]
    return {
        "part": table["part"],
        "headings": [column["heading"] for column in columns.values()],
        "rank": columns[table["rank"]]["heading"].removesuffix(" (%)"),
        "rows": [
            {"name": name, "cells": row}
            for name, row in zip(shown, zip(*cells, strict=True), strict=True)
        ],
        "hidden": len(names) - len(shown),
    }


def _mean_row(rows: Sequence[dict[str, Any]], keys: Iterable[str]) -> dict[str, float | None]:
    """The means over the seeds of one part, by column."""
    return {key: _mean([row[key] for row in rows]) for key in keys}


def _rank(number: float | None) -> float:
    return number if words.is_known(number) else -math.inf


def _column(
    column: dict[str, Any], numbers: Sequence[float | None], is_rank: bool
) -> list[tuple[str, int | None]]:
    """A column of the table: its numbers as texts, and how long the bar is behind each."""
    has_bar = is_rank and column["form"] == "fraction"
    full = max([1.0, *(number or 0.0 for number in numbers)])  # an error rate may be above 1
    bars = [round(100 * (number or 0) / full) if has_bar else None for number in numbers]
    return list(zip(_WRITTEN[column["form"]](numbers), bars, strict=True))


def _counts(numbers: Sequence[float | None]) -> list[str]:
    return [f"{number:,.0f}" if words.is_known(number) else words.UNKNOWN for number in numbers]


_WRITTEN: dict[str, Callable[[Sequence[float | None]], list[str]]] = {
    "fraction": lambda numbers: [words.percent(number) for number in numbers],
    "count": _counts,
    "number": words.plain_column,
}
"""How the numbers of a column of some form are written."""


def _results(best: Row | None) -> list[dict[str, Any]]:
    return [run.result for run in best.runs if run.result] if best else []


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if words.is_known(value)]
    return float(np.mean(known)) if known else None


def points(best: Row | None) -> list[tuple[str, Markup]]:
    """Predicted against true numbers and their residuals, of one seed."""
    result = next((result for result in _results(best) if result.get("points")), None)
    if result is None:
        return []
    points = result["points"]
    drawn = prediction_figures.predicted_and_residuals(
        points["true"], points["predicted"], points["unit"]
    )
    return [(figure.heading, Markup(figure.svg)) for figure in drawn]


def curves(best: Row | None) -> list[dict[str, Any]]:
    """The panels of lines that the task names, of one seed, each with its legend."""
    result = next((result for result in _results(best) if result.get("curves")), None)
    panels = result["curves"] if result else []
    return [
        {
            "heading": panel["heading"],
            "legend": prediction_figures.line_legend(panel["lines"]),
            "svg": Markup(prediction_figures.lines(panel)),
        }
        for panel in panels
    ]


def confusion(best: Row | None) -> dict[str, Any] | None:
    """The counts of all seeds together."""
    each = [result["confusion"] for result in _results(best) if result.get("confusion")]
    if not each:
        return None
    classes, matrix = each[0]["classes"], np.sum([one["matrix"] for one in each], axis=0)
    wrong = [(int(matrix[i, j]), classes[i], classes[j]) for i, j in np.argwhere(matrix) if i != j]
    small = len(classes) <= NUMBERED_CLASSES
    is_share = each[0].get("form") == "fraction"
    return {
        "classes": classes,
        "is_share": is_share,
        "note": each[0].get("note", ""),
        "rows": list(zip(classes, _matrix_cells(matrix, is_share), strict=True)) if small else [],
        "heatmap": Markup("" if small else prediction_figures.heatmap(matrix.tolist())),
        "most": [(f"{count:,}", *pair) for count, *pair in sorted(wrong, key=lambda row: -row[0])][
            :CONFUSIONS
        ],
    }


def _matrix_cells(matrix: NDArray, is_share: bool) -> list[list[dict[str, Any]]]:
    """The cells of each row of a confusion matrix: the text, its shade, and what it is."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return [
        [
            {
                "text": words.percent(share[i, j]) if is_share else f"{count:,}",
                # The root makes a few mistakes among many right ones visible.
                "shade": round(100 * (share[i, j] if i == j else math.sqrt(share[i, j]))),
                "is_right": i == j,
                "is_zero": count == 0,
            }
            for j, count in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]


def mistakes(best: Row | None) -> dict[str, Any] | None:
    """Return the mistakes of one seed, under the heading that the task sets."""
    run = _first_run(best)
    rows = read_mistakes(run.folder).rows if run else []
    if not rows:
        return None
    title, note = run.result.get("mistakes") or ("Mistakes", "")
    shown = [_example(row) for row in rows]
    return {"seed": run.result["seed"], "title": title, "note": note, "rows": shown}


def galleries(best: Row | None) -> list[dict[str, Any]]:
    """Further examples of one seed, under the headings that the task gives them."""
    run = _first_run(best)
    examples = read_examples(run.folder).rows if run else []
    headings = (run.result.get("galleries") or []) if examples else []
    shown = [
        {
            "seed": run.result["seed"],
            "title": title,
            "note": note,
            "rows": [_example(row) for row in examples if row.get("gallery") == title],
        }
        for title, note in headings
    ]
    return [gallery for gallery in shown if gallery["rows"]]


def _first_run(best: Row | None) -> Run | None:
    return next((run for run in best.runs if run.result), None) if best else None


def _example(row: dict[str, Any]) -> dict[str, Any]:
    """Show a picture or sound if the preview has its data; anything else as a text."""
    preview, kind = str(row.get("preview") or ""), row.get("kind")
    has_data = kind in MEDIA and preview.startswith(f"data:{kind}/")
    picture = str(row.get("picture") or "")
    confidence = row.get("confidence")
    return {
        "id": row["id"],
        "caption": row.get("caption") or "",
        "target": row["target"],
        "prediction": row["prediction"],
        "confidence": words.percent(confidence, 0) if words.is_known(confidence) else "",
        "kind": kind if has_data else "text",
        "is_large": row.get("is_large", False),
        "preview": preview,
        "picture": picture if picture.startswith("data:image/") else "",
        "edits": row.get("edits") or [],
    }


def samples(best: Row | None) -> dict[str, Any] | None:
    """Return texts that the model of one seed generated, with prompts and references if any."""
    run = _first_run(best)
    generated = (run.result.get("samples") or []) if run else []
    if not generated:
        return None
    parts = (("prompt", "Prompt"), ("output", "Output"), ("reference", "Reference"))
    rows = [
        [(name, title, str(sample[name])) for name, title in parts if sample.get(name)]
        for sample in generated[:SAMPLES]
    ]
    return {"seed": run.result["seed"], "rows": rows, "hidden": len(generated) - len(rows)}
