"""Each of several tasks alone beside all together: which is helped by the others, and by which."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from graft.metrics.find import averaged_metrics, find_or_assume
from graft.metrics.intervals import clusters
from graft.metrics.metric import Metric
from graft.metrics.parts import of_part
from graft.reports import words
from graft.reports.board import Board, Cell
from graft.reports.leaderboard import cells_of, mean_scores
from graft.reports.read import Predictions, Run, read_predictions
from graft.reports.statistics import LEVEL, Mean, holm
from graft.studies.alone import learn_all, learn_some, learned_tasks, learns_some
from graft.studies.records import PREDICTIONS
from graft.techniques.specs.combine import canonical

Outcome = Literal["helped", "no evidence", "hurt"]


@dataclass(frozen=True)
class TaskVerdict:
    """What a task gains from those that it is learned with: their difference, on the same examples.

    Both are trained by `technique` with the same budget. A positive `gain` is better. `p` is
    corrected for the number of comparisons (Holm).
    """

    task: str
    metric: str
    technique: str
    backbone: str | None
    beside: tuple[str, ...]
    """The tasks that it is learned with."""
    alone: float
    together: float
    gain: float
    low: float
    high: float
    p: float | None
    outcome: Outcome = "no evidence"


def compare_tasks(board: Board) -> tuple[TaskVerdict, ...]:
    """Compare each task of each technique with itself alone, at the largest training size.

    Techniques that learn all tasks come first, then those that were asked to learn some of them.
    Nothing is compared of tasks or runs that are missing.
    """
    metrics = averaged_metrics(board.metric.name)
    if not metrics or not board.study.alone or not board.choices:
        return ()
    size = board.choices[0].size
    runs = {
        _key(cell): some
        for cell, some in cells_of([*board.study.runs, *board.study.alone]).items()
        if cell.size == size and not cell.is_control
    }
    read = {key: _read(some, board) for key, some in runs.items()}
    read = {key: predictions for key, predictions in read.items() if predictions}
    if not read:
        return ()
    together = clusters(next(iter(read.values()))[0].groups)
    verdicts = []
    for number, (name, metric) in enumerate(metrics.items()):
        measure = of_part(metric, name)
        columns = {key: [_column(one, number) for one in several] for key, several in read.items()}
        means = mean_scores(measure, columns, together)
        verdicts += _compare(name, measure, list(metrics), means)
    return _judge(verdicts)


def _compare(
    name: str, metric: Metric, everything: Sequence[str], means: Mapping[tuple, Mean]
) -> list[TaskVerdict]:
    """Compare a task in each technique that learns it with others."""
    verdicts = []
    for (technique, backbone), mean in means.items():
        learned = learned_tasks(technique, everything)
        alone = means.get((learn_some(technique, [name]), backbone))
        if name not in learned or len(learned) < 2 or alone is None:
            continue
        if math.isnan(mean.value) or math.isnan(alone.value):
            continue
        difference, sign = mean.minus(alone), metric.sign
        bounds = sorted((sign * difference.low, sign * difference.high))
        beside = tuple(other for other in learned if other != name)
        gain = (sign * difference.value, *bounds, difference.p)
        values = (alone.value, mean.value)
        verdicts.append(TaskVerdict(name, metric.name, technique, backbone, beside, *values, *gain))
    return verdicts


def _judge(verdicts: Sequence[TaskVerdict]) -> tuple[TaskVerdict, ...]:
    """Correct the p-values, and say what they show; all techniques of all tasks first."""
    corrected = holm([verdict.p for verdict in verdicts])
    judged = []
    for verdict, p in zip(verdicts, corrected, strict=True):
        sure = words.is_known(p) and p < LEVEL
        outcome = "no evidence" if not sure else "helped" if verdict.gain > 0 else "hurt"
        judged.append(replace(verdict, p=p if words.is_known(p) else None, outcome=outcome))
    return tuple(sorted(judged, key=lambda verdict: (-len(verdict.beside), verdict.technique)))


def _key(cell: Cell) -> tuple[str, str | None]:
    return canonical(cell.name), cell.backbone


def _read(runs: Sequence[Run], board: Board) -> list[Predictions]:
    paths = [run.folder / PREDICTIONS for run in runs if run.result]
    return [read_predictions(path, board.test_examples) for path in paths if path.exists()]


def _column(predictions: Predictions, number: int) -> Predictions:
    """The predictions as the metric of one task reads them."""
    return replace(predictions, terms=[term[number] for term in predictions.terms])


def describe_tasks(verdicts: Sequence[TaskVerdict]) -> list[dict[str, Any]]:
    """The table of tasks: a group of rows for each way to learn them; every number is a text."""
    groups: dict[tuple[str, str | None], list[TaskVerdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.technique, verdict.backbone), []).append(verdict)
    return [
        {
            "technique": _label(learn_all(technique), backbone, verdicts),
            "tasks": _names(rows[0]) if learns_some(technique) else "all tasks",
            "rows": [_describe(verdict) for verdict in rows],
        }
        for (technique, backbone), rows in groups.items()
    ]


def _label(technique: str, backbone: str | None, verdicts: Sequence[TaskVerdict]) -> str:
    """The technique, with its backbone if there are several."""
    several = len({verdict.backbone for verdict in verdicts}) > 1
    return f"{technique} · {words.short(backbone or '')}" if several else technique


def _names(verdict: TaskVerdict) -> str:
    return words.join_words([verdict.task, *verdict.beside])


def _describe(verdict: TaskVerdict) -> dict[str, str]:
    metric = find_or_assume(verdict.metric.removeprefix(f"{verdict.task}."))
    decimals = words.column_decimals([(verdict.alone, verdict.together)])
    bounds = (verdict.low, verdict.high)
    apart = words.column_decimals([(verdict.gain, *bounds)], apart=True)
    return {
        "task": verdict.task,
        "metric": words.axis(metric),
        "alone": words.value(metric, verdict.alone, decimals),
        "together": words.value(metric, verdict.together, decimals),
        "gain": words.difference(metric, verdict.gain, decimals=apart),
        "interval": words.differences(metric, *bounds, decimals=apart),
        "p": words.p_value(verdict.p),
        "outcome": verdict.outcome,
    }


def matrices(verdicts: Sequence[TaskVerdict]) -> list[dict[str, Any]]:
    """Of three and more tasks in pairs, what each gains from each: a table a technique.

    A row is the task that is learned with that of the column.
    """
    pairs = [verdict for verdict in verdicts if len(verdict.beside) == 1]
    order = list(dict.fromkeys(verdict.task for verdict in verdicts))
    tables: dict[tuple[str, str | None], dict[tuple[str, str], TaskVerdict]] = {}
    for verdict in pairs:
        cells = tables.setdefault((learn_all(verdict.technique), verdict.backbone), {})
        cells[verdict.beside[0], verdict.task] = verdict
    made = []
    for (technique, backbone), cells in tables.items():
        names = [name for name in order if any(name in pair for pair in cells)]
        if len(names) > 2:
            rows = [(name, [_cell(cells.get((name, other))) for other in names]) for name in names]
            label = _label(technique, backbone, pairs)
            made.append({"technique": label, "tasks": names, "rows": rows})
    return made


def _cell(verdict: TaskVerdict | None) -> str:
    """A difference with its interval; empty where the pair was not trained."""
    if verdict is None:
        return ""
    row = _describe(verdict)
    return f"{row['gain']} ({row['interval']})"
