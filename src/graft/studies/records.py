"""Read the files of a run or a study, with everything checked that a reader relies on.

Graft writes each of them whole, so one that is cut, empty or of another form was damaged later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base import files
from graft.base.errors import FolderError
from graft.base.typed_json import Mismatch, check_type
from graft.studies import record_types

REPEATED = ("task", "backbone", "technique", "seed", "fraction", "shots")
"""The entries of spec.json that result.json repeats."""
PREDICTIONS = "predictions.parquet"
"""The file with one row per example of validation and test."""
MISTAKES = "mistakes.jsonl"
"""The worst mistakes of a run on the test split."""
EXAMPLES = "examples.jsonl"
"""Further examples of the test split, of a run whose task shows some."""
GO_ON = "then give its graft fit or graft compare again: the run goes on where it was"
TRAIN_AGAIN = "then give its graft fit or graft compare again: this run alone is trained again"
STUDY_AGAIN = "then give the command of this study again: finished runs are kept"


def read_spec(folder: Path) -> dict[str, Any]:
    """Read the spec of the run in the folder; raises FolderError."""
    return _read(folder / "spec.json", record_types.Spec, "a run", GO_ON)


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of the run in the folder, None if it is not finished; raises FolderError."""
    path = folder / "result.json"
    if not path.exists():
        return None
    result = _read(path, record_types.Result, "a run", TRAIN_AGAIN)
    if contradiction := _find_contradiction(result):
        raise FolderError(f"{path} {contradiction}. Delete {path}, {TRAIN_AGAIN}.")
    return result


def _find_contradiction(result: dict[str, Any]) -> str:
    """Say how two entries contradict each other, in words that follow the name of the file."""
    metric, metrics = result["primary_metric"], result["metrics"]["test"]
    if metric not in metrics:
        names = ", ".join(metrics) or "none"
        return f"has {metric!r} as 'primary_metric', which must be in 'metrics.test' ({names})"
    confusion = result.get("confusion", {"classes": [], "matrix": []})
    size = len(confusion["classes"])
    if [len(row) for row in confusion["matrix"]] != [size] * size:
        return f"has as 'confusion.matrix' no {size} rows of {size} numbers, one for each class"
    points = result.get("points", {"predicted": [], "true": []})
    if len(points["predicted"]) != len(points["true"]):
        return "has as 'points.predicted' and 'points.true' lists of different lengths"
    for panel in result.get("curves", []):
        for line in panel["lines"]:
            if len(line["x"]) != len(line["y"]):
                return f"has as x and y of {line['name']!r} in 'curves' lists of different lengths"
    return _find_missing_column(result)


def _find_missing_column(result: dict[str, Any]) -> str:
    """The column of the table of parts that a row lacks, as words that follow the file's name."""
    table = result.get("per_class_table")
    if not table:
        return ""
    keys = [column["key"] for column in table["columns"]]
    if table["rank"] not in keys:
        return f"has {table['rank']!r} as 'per_class_table.rank', which must be one of {keys}"
    for name, row in result.get("per_class", {}).items():
        if missing := set(keys) - row.keys():
            return f"lacks {min(missing)!r} in 'per_class' of {name}"
    return ""


def check_result(folder: Path, spec: dict[str, Any], result: dict[str, Any]) -> None:
    """Raise FolderError if result.json is not of the run that spec.json asks for."""
    pairs = {
        name: (result[name], spec[name]) for name in REPEATED if name in result and name in spec
    }
    pairs["data.hash"] = (result["data"]["hash"], spec["data"]["hash"])
    for name, (reached, asked) in pairs.items():
        if reached != asked:
            path = folder / "result.json"
            raise FolderError(
                f"{path} has {reached!r} as {name!r}, and spec.json beside it has {asked!r}: one "
                f"of them was changed. Put the value back, or delete {path}, {TRAIN_AGAIN}."
            )


def read_status(folder: Path) -> dict[str, Any]:
    """Read how the run ended: empty if it never began, interrupted if the file is damaged."""
    path = folder / "status.json"
    try:
        return _read(path, record_types.Status, "a run", GO_ON) if path.exists() else {}
    except FolderError as error:
        return {"state": "interrupted", "message": str(error)}


def read_study(folder: Path) -> dict[str, Any]:
    """Read what the study in the folder compares; raises FolderError."""
    return _read(folder / "study.json", record_types.Study, "a study", STUDY_AGAIN)


def read_baselines(folder: Path) -> list[dict[str, Any]]:
    """The rows of the baselines of a study, none if they have not run; raises FolderError."""
    path = folder / "baselines.json"
    return _read(path, list[record_types.Baseline], "a study", STUDY_AGAIN) if path.exists() else []


def read_findings(folder: Path) -> list[dict[str, Any]]:
    """Read the findings about the data, empty if there is no such file; raises FolderError."""
    path = folder / "findings.json"
    return _read(path, list[record_types.Finding], "a study", STUDY_AGAIN) if path.exists() else []


def _read(path: Path, kind: Any, owner: str, remedy: str) -> Any:
    """The content of a JSON file, which is of the kind; raises FolderError if it is not."""
    value = files.read_json(path, owner, f"Delete {path}, {remedy}.")
    try:
        check_type(value, kind)
    except Mismatch as mismatch:
        raise FolderError(f"{path} {mismatch}. Delete {path}, {remedy}.") from mismatch
    return value


@dataclass(frozen=True)
class Lines:
    """The rows of a JSONL file up to the first damaged line; `damage` says what is left out."""

    rows: list[dict[str, Any]]
    damage: str = ""


def read_history(folder: Path) -> Lines:
    """A row an epoch of the run in the folder; a kill may have torn the last line."""
    return _read_lines(folder / "history.jsonl", record_types.Epoch, is_appended=True)


def read_mistakes(folder: Path) -> Lines:
    """The mistakes that the run in the folder has kept."""
    return _read_lines(folder / MISTAKES, record_types.Example, is_appended=False)


def read_examples(folder: Path) -> Lines:
    """The further examples that the run in the folder has kept, each with its `gallery`."""
    return _read_lines(folder / EXAMPLES, record_types.Example, is_appended=False)


def _read_lines(path: Path, kind: Any, is_appended: bool) -> Lines:
    if not path.exists():
        return Lines([])
    rows: list[dict[str, Any]] = []
    try:
        *lines, torn = path.read_bytes().split(b"\n")
        for line in [*lines, torn] if torn and not is_appended else lines:
            row = json.loads(line.decode("utf-8"))
            check_type(row, kind)
            rows.append(row)
    except Mismatch as mismatch:
        reason = f"it {mismatch}"
    except (OSError, ValueError, RecursionError) as error:
        reason = files.describe_damage(path, error)
    else:
        return Lines(rows)
    return Lines(
        rows, f"{path} is damaged from line {len(rows) + 1} on ({reason}), which is left out."
    )
