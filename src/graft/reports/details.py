"""What the page shows of one technique: its classes, what it takes for what, its mistakes, what it generates."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from graft.reports import figures, words
from graft.reports.board import Row
from graft.reports.read import read_mistakes

NUMBERED_CLASSES = 14
"""Up to so many classes the confusion matrix has numbers, above it is a picture."""
SHOWN_CLASSES = 40
CONFUSIONS = 10
SAMPLES = 8
"""Generated texts that are shown."""


def per_class(best: Row | None) -> dict[str, Any] | None:
    """Means over the seeds; of many classes those with the lowest F1. Types of entities are not the classes of the head."""
    found = (
        [run.result["per_class"] for run in best.runs if run.result and run.result.get("per_class")]
        if best
        else []
    )
    if not found:
        return None
    rows, names = [], list(dict.fromkeys(name for each in found for name in each))
    for name in names:
        own = [
            each[name] for each in found if name in each
        ]  # a type that a seed neither found nor missed is not there
        mean = {key: _mean([each[key] for each in own]) for key in ("precision", "recall", "f1")}
        rows.append(
            {
                "name": name,
                "support": own[0]["support"],
                "f1_value": mean["f1"],
                **{k: words.percent(v) for k, v in mean.items()},
            }
        )
    classes = next(run.result["data"]["classes"] for run in best.runs if run.result)
    nouns = ("class", "classes") if names[0] in classes else ("type", "types")
    if len(rows) <= SHOWN_CLASSES:
        return {"rows": rows, "hidden": 0, "nouns": nouns}
    worst = sorted(rows, key=lambda row: row["f1_value"] if words.known(row["f1_value"]) else -1)[
        :SHOWN_CLASSES
    ]
    return {"rows": worst, "hidden": len(rows) - SHOWN_CLASSES, "nouns": nouns}


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if words.known(value)]
    return float(np.mean(found)) if found else None


def confusion(best: Row | None) -> dict[str, Any] | None:
    """The counts of all seeds together."""
    found = (
        [run.result["confusion"] for run in best.runs if run.result and run.result.get("confusion")]
        if best
        else []
    )
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


def mistakes(best: Row | None) -> dict[str, Any] | None:
    """Those of one seed."""
    run = next((run for run in best.runs if run.result), None) if best else None
    found = read_mistakes(run) if run else []
    if not found:
        return None
    classes = set(run.result["data"]["classes"])
    return {
        "seed": run.result["seed"],
        "confident": any(words.known(row.get("confidence")) for row in found),
        "rows": [_mistake(row, classes) for row in found],
    }


def _mistake(row: dict[str, Any], classes: Collection[str]) -> dict[str, Any]:
    """An image only where the preview carries its own pixels; anything else is shown as the text that it is."""
    preview = str(row.get("preview") or "")
    is_image = row.get("kind") == "image" and preview.startswith("data:image/")
    return {
        "id": row["id"],
        "target": _label(row["target"]),
        "prediction": _label(row["prediction"]),
        "of_classes": _is_label(row["target"], classes) and _is_label(row["prediction"], classes),
        "confidence": words.percent(row["confidence"], 0)
        if words.known(row.get("confidence"))
        else "",
        "image": preview if is_image else "",
        "text": "" if is_image else preview,
    }


def _label(label: str | Sequence[str]) -> str:
    return label if isinstance(label, str) else ", ".join(label) or "no label"


def _is_label(text: str | Sequence[str], classes: Collection[str]) -> bool:
    """Whether it is a class or several; a text that a task has made for a person is neither."""
    if not isinstance(text, str) or text in classes or text == _label([]):
        return True
    return all(part in classes for part in text.split(", "))


def samples(best: Row | None) -> dict[str, Any] | None:
    """What the model of one seed generated, each with its prompt and its reference where it has them."""
    run = next((run for run in best.runs if run.result), None) if best else None
    found = (run.result.get("samples") or []) if run else []
    if not found:
        return None
    parts = (("prompt", "Prompt"), ("output", "Output"), ("reference", "Reference"))
    rows = [
        [(name, title, str(each[name])) for name, title in parts if each.get(name)]
        for each in found[:SAMPLES]
    ]
    return {"seed": run.result["seed"], "rows": rows, "hidden": len(found) - len(rows)}
