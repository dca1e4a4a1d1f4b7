"""Students beside the teachers that they learned from: what was lost, and what was won for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base.errors import FolderError
from graft.metrics.find import find_or_assume
from graft.metrics.intervals import clusters
from graft.reports import words
from graft.reports.board import Board, Cell, Row
from graft.reports.leaderboard import mean_scores
from graft.reports.read import Predictions, Run, read_predictions
from graft.reports.statistics import Difference
from graft.studies.records import PREDICTIONS, read_result, read_spec
from graft.studies.spec import digest_paths
from graft.techniques.specs.combine import models_of

LOCAL = "local:"
MODEL = "model"
_LOST = "A teacher is not there as it was, and its students are not held against it:"
OF_TIMES = ("hardware", "threads", "precision")
"""What must be the same in two runs whose times are compared."""


@dataclass(frozen=True)
class Taught:
    """A student beside its teacher, a run that was tested on the same examples.

    `gain` is the student's metric less the teacher's, turned so that more is better. `smaller` is
    the size of the teacher's model over that of the student's, `quicker` the same of the time that
    one example takes; None where it was not measured.
    """

    technique: str
    backbone: str | None
    teacher: str
    """The folder of its run."""
    teacher_backbone: str
    metric: str
    teacher_value: float
    value: float
    gain: float
    low: float
    high: float
    smaller: float | None
    quicker: float | None


def compare_teachers(board: Board) -> tuple[Taught, ...]:
    """Compare each student of the largest training size with each run that taught it.

    Teachers that are no runs, were moved, or were tested on other examples are left out.
    """
    if not board.choices:
        return ()
    rows = [row for row in board.at(board.choices[0].size) if row.is_measured]
    pairs = ((row, folder) for row in rows for folder in _teachers_of(row) if _is_kept(row, folder))
    students = (_compare(board, row, folder) for row, folder in pairs)
    return tuple(taught for taught in students if taught)


def lost_teachers(board: Board) -> tuple[str, ...]:
    """A sentence on each teacher whose model is not where it was, or is not what it was."""
    lost = {
        str(folder)
        for row in board.rows
        for folder in _teachers_of(row)
        if row.is_measured and not _is_kept(row, folder)
    }
    return tuple(f"{_LOST} {folder}. Put it back to compare them." for folder in sorted(lost))


def _teachers_of(row: Row) -> list[Path]:
    """The folders of the runs that the technique of a row learned from."""
    if row.cell.is_baseline:
        return []
    models = (Path(name.removeprefix(LOCAL)) for name in models_of(row.cell.name))
    began = _start_of(row)
    return [(began / path).parent for path in models if path.name == MODEL]


def _is_kept(row: Row, folder: Path) -> bool:
    """Whether the model of a teacher is there as it was when the students learned from it."""
    model, began = folder / MODEL, _start_of(row)
    kept = _spec_of(row).get("folders") or {}
    digests = [kept[name] for name in kept if began / name.removeprefix(LOCAL) == model]
    return model.is_dir() and all(digest_paths([model]) == digest for digest in digests)


def _start_of(row: Row) -> Path:
    """The folder that relative paths of the runs of a row begin in."""
    return Path((_spec_of(row).get("data") or {}).get("folder", "."))


def _spec_of(row: Row) -> Mapping[str, Any]:
    return next((run.spec for run in row.runs if run.spec), {})


def _compare(board: Board, row: Row, folder: Path) -> Taught | None:
    try:
        result = read_result(folder)
        difference = _difference(board, row, folder) if result else None
    except FolderError:  # a damaged teacher is no fault of this study
        return None
    if result is None or difference is None:
        return None
    sign = board.metric.sign
    low, high = sorted((sign * difference.low, sign * difference.high))
    return Taught(
        technique=row.cell.name,
        backbone=row.cell.backbone,
        teacher=str(folder),
        teacher_backbone=result["backbone"],
        metric=board.metric.name,
        teacher_value=row.score.value - difference.value,
        value=row.score.value,
        gain=sign * difference.value,
        low=low,
        high=high,
        smaller=_times(result["cost"], row.cost, "model_mb"),
        quicker=_times(result["cost"], row.cost, "example_ms")
        if _same_machine(row, folder)
        else None,
    )


def _difference(board: Board, row: Row, folder: Path) -> Difference | None:
    """The student less its teacher on the same examples; None if these are others."""
    path = folder / PREDICTIONS
    if not path.exists():
        return None
    teacher = read_predictions(path, board.test_examples)
    students = _read(row.runs, board)
    same = [(one.ids, one.targets) == (teacher.ids, teacher.targets) for one in students]
    if not same or not all(same):
        return None
    taught, teaching = row.cell, Cell(str(folder), None, row.cell.size)
    both: Mapping[Cell, Sequence[Predictions]] = {taught: students, teaching: [teacher]}
    means = mean_scores(board.metric, both, clusters(teacher.groups))
    return means[taught].minus(means[teaching]) if len(means) == len(both) else None


def _same_machine(row: Row, folder: Path) -> bool:
    """Whether the times of the student and of its teacher can be compared."""
    specs = [*(run.spec for run in row.runs if run.result), read_spec(folder)]
    return all(spec.get(name) == specs[0].get(name) for spec in specs for name in OF_TIMES)


def _read(runs: Sequence[Run], board: Board) -> list[Predictions]:
    paths = [run.folder / PREDICTIONS for run in runs if run.result]
    return [read_predictions(path, board.test_examples) for path in paths if path.exists()]


def _times(
    teacher: Mapping[str, Any], student: Mapping[str, float | None] | None, name: str
) -> float | None:
    """How many times as much the teacher takes."""
    theirs, ours = teacher.get(name), (student or {}).get(name)
    return theirs / ours if theirs and ours else None


def describe_teachers(students: Sequence[Taught]) -> list[dict[str, str]]:
    """The rows of the table of teachers: every number is already a text."""
    return [_describe(taught) for taught in students]


def _describe(taught: Taught) -> dict[str, str]:
    metric = find_or_assume(taught.metric)
    decimals = words.column_decimals([(taught.teacher_value, taught.value)])
    apart = words.column_decimals([(taught.gain, taught.low, taught.high)], apart=True)
    return {
        "student": taught.technique,
        "backbone": words.short(taught.backbone or ""),
        "teacher": taught.teacher,
        "teacher_backbone": words.short(taught.teacher_backbone),
        "teacher_score": words.value(metric, taught.teacher_value, decimals),
        "score": words.value(metric, taught.value, decimals),
        "gain": words.difference(metric, taught.gain, decimals=apart),
        "interval": words.differences(metric, taught.low, taught.high, decimals=apart),
        "smaller": _factor(taught.smaller),
        "quicker": _factor(taught.quicker, "about "),
    }


def _factor(times: float | None, about: str = "") -> str:
    """A ratio in words, with `about` before the number; nothing where it is not known."""
    if times is None:
        return ""
    if times < 1:
        return f"no: {about}{_short(1 / times)} times as much"
    return f"{about}{_short(times)} times"


def _short(number: float) -> str:
    """Two digits that count: `1.3`, `47`, `720`."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
