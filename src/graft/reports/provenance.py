"""The data and the origin of a study, for the page."""

from __future__ import annotations

from typing import Any

from graft.base.counts import plural
from graft.base.evidence import FEWEST_GROUPS
from graft.reports import words
from graft.reports.board import Board

SAMPLES = 8
"""Examples of a finding that are shown."""
SEVERITIES = {"error": "Error", "warning": "Warning", "info": "Note"}


def data(board: Board) -> dict[str, Any]:
    """The size of each split, the classes, and notes, of the runs with most training data."""
    if not board.study.finished:
        return {"counts": [], "classes": [], "notes": []}
    largest = max(
        board.study.finished, key=lambda run: run.result["data"]["counts"]["train"]
    ).result["data"]
    messages = {each["message"] for each in board.study.findings}
    notes = [note for note in largest.get("notes") or [] if note not in messages]
    return {
        "counts": list(largest["counts"].items()),
        "classes": largest["classes"],
        "notes": [*notes, *_not_read(board), *_describe_groups(board)],
    }


def _not_read(board: Board) -> list[str]:
    """Note what each backbone cuts or does not know, in the run with the most training data."""
    runs = sorted(board.study.finished, key=lambda run: run.result["data"]["counts"]["train"])
    data_of = {run.result["backbone"]: run.result["data"] for run in runs}
    sentences = [
        (words.short(backbone), write(data))
        for backbone, data in data_of.items()
        for write in (words.cut_samples, words.unknown_tokens)
    ]
    return [f"{backbone}: {sentence}" for backbone, sentence in sentences if sentence]


def _describe_groups(board: Board) -> list[str]:
    """Say how intervals treat test examples that are about the same."""
    examples, groups = board.test_examples, board.test_groups
    if groups == examples:
        return []
    sentence = _FEW_GROUPS if groups < FEWEST_GROUPS else _GROUPS
    holes = {"examples": f"{examples:,}", "groups": plural(groups, "group")}
    return [sentence.format(**holes, fewest=FEWEST_GROUPS)]


_GROUPS = (
    "The {examples} test examples come in {groups} (of examples about the same): each group "
    "counts as one in intervals and p-values."
)
_FEW_GROUPS = (
    "The {examples} test examples come in {groups} (of examples about the same): fewer than "
    "{fewest} groups allow no p-value and no verdict."
)


def finding(row: dict[str, Any]) -> dict[str, Any]:
    """One finding of the check of the data."""
    samples, severity = list(row.get("samples") or []), row["severity"]
    return {
        "severity": SEVERITIES.get(severity, severity),
        "css": severity if severity in SEVERITIES else "info",
        "message": row["message"],
        "samples": samples[:SAMPLES],
        "more": max(0, len(samples) - SAMPLES),
    }


def describe_study(board: Board) -> dict[str, Any]:
    """Return the command, the settings, the hardware and the versions."""
    about, study = board.study.about, board.study
    data = about.get("data") or {}
    sizes = [choice.size for choice in board.choices]
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
            words.training_size(size.fraction, size.shots) for size in sizes
        ),
        "Epochs": about.get("epochs") or "each technique's own",
        "Batch size": about.get("batch_size") or "each technique's own",
        "Precision": about.get("precision"),
        "Weights of a run selected by": ", ".join(selected),
        "Technique selected by": study.selected_by,
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
