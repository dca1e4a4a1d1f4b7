"""Build the leaderboard: techniques by backbone and training size, means over seeds, baselines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.base.errors import FolderError, GraftError
from graft.metrics.find import is_installed
from graft.metrics.intervals import clusters
from graft.metrics.metric import Metric
from graft.reports.board import Beside, Board, Cell, Choice, Row, Size, best_row, watched_metric
from graft.reports.read import Baseline, Predictions, Run, Study, read_predictions
from graft.reports.statistics import Difference, Interval, Mean, average, holm
from graft.reports.words import is_known
from graft.studies.records import PREDICTIONS
from graft.techniques.specs.combine import canonical, is_held_against


def build(study: Study) -> Board:
    """Build the board; raises FolderError if runs were tested on different examples."""
    metric = study.primary
    rows = [_row(cell, runs, study) for cell, runs in cells_of(study.runs).items()]
    rows += [
        _baseline_row(cell, baselines, metric) for cell, baselines in _baseline_cells(study).items()
    ]
    means, groups = _means(study, rows)
    if study.compares:  # a single run keeps the interval of its result.json
        rows = [
            replace(row, score=means[row.cell].interval()) if row.cell in means else row
            for row in rows
        ]
    rows.sort(key=_order)
    choices = []
    for size in sorted(
        {row.cell.size for row in rows if not row.cell.is_baseline}, key=lambda s: -s.fraction
    ):
        compared, choice = choose([row for row in rows if row.cell.size == size], size, means)
        rows = [compared.get(row.cell, row) for row in rows]
        choices.append(choice)
    return Board(study, metric, rows, choices, len(groups), len(set(groups)))


def control_of(row: Row, rows: Iterable[Row]) -> Row | None:
    """The control of the technique with the same backbone and training size.

    The best by validation of several.
    """
    alike = (row.cell.backbone, row.cell.size)
    return best_row(
        other
        for other in rows
        if (other.cell.backbone, other.cell.size) == alike
        and not other.cell.is_baseline
        and is_held_against(row.cell.name, other.cell.name)
    )


def cells_of(runs: Iterable[Run]) -> dict[Cell, list[Run]]:
    """Group the runs by cell. Of several runs with the same seed, a finished one counts.

    A technique has one cell however it is written: runs asked for as `lora` and as `lora:r=8` are
    of one technique.
    """
    cells: dict[Cell, dict[Any, Run]] = defaultdict(dict)
    names: dict[str, str] = {}
    for run in runs:
        if run.spec:
            size = Size(run.spec.get("fraction", 1.0), run.spec.get("shots"))
            name = names.setdefault(_meaning(run.spec["technique"]), run.spec["technique"])
            seeds = cells[Cell(name, run.spec["backbone"], size)]
            kept = seeds.setdefault(run.spec.get("seed"), run)
            seeds[run.spec.get("seed")] = kept if kept.result else run
    return {cell: list(seeds.values()) for cell, seeds in cells.items()}


def _meaning(technique: str) -> str:
    """Its shortest spec; as it is written if it belongs to a plugin that is not installed here."""
    try:
        return canonical(technique)
    except GraftError:
        return technique


def _baseline_cells(study: Study) -> dict[Cell, list[Baseline]]:
    """The baselines by cell, each seed once. They learn from as many shots as the runs."""
    cells: dict[Cell, dict[Any, Baseline]] = defaultdict(dict)
    for baseline in study.baselines:
        size = Size(baseline.fraction, study.about.get("shots"))
        cells[Cell(baseline.name, None, size)].setdefault(baseline.seed, baseline)
    return {cell: list(seeds.values()) for cell, seeds in cells.items()}


def _row(cell: Cell, runs: list[Run], study: Study) -> Row:
    metric = study.primary
    finished = sorted((run for run in runs if run.result), key=lambda run: run.result["seed"])
    seeds = [run.result["seed"] for run in finished]
    if not finished:
        return Row(cell, cell.name, metric, runs, seeds)
    results = [run.result for run in finished]
    watched = watched_metric(results[0]["metrics"]["val"], metric.name)
    tests = [result["metrics"]["test"] for result in results]
    frozen = [result["frozen"] for result in results if result.get("frozen", {}).get("tensors")]
    return Row(
        cell,
        cell.name,
        metric,
        runs,
        seeds,
        score=_plain_interval([test[metric.name] for test in tests]),
        others={
            name: _mean_of_all(test[name]["value"] for test in tests)
            for name in tests[0]
            if name != metric.name
        },
        val=_mean_of_all(result["metrics"]["val"].get(watched) for result in results),
        validators=_mean_validators(results),
        selected_by=study.selected_by,
        watched=study.metric(watched),
        val_loss=_mean(result["metrics"]["val"].get("loss") for result in results),
        cost=_mean_cost(results),
        frozen=all(each["unchanged"] for each in frozen) if frozen else None,
        train_examples=round(_mean(result["data"]["counts"]["train"] for result in results)),
    )


def _mean_validators(results: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """The mean of each validator over the runs; None if one of them has no value."""
    values = [result.get("validators") or {} for result in results]
    return {name: _mean_of_all(each.get(name) for each in values) for name in values[0]}


def _baseline_row(cell: Cell, baselines: list[Baseline], metric: Metric) -> Row:
    return Row(
        cell,
        baselines[0].words,
        metric,
        [],
        [baseline.seed or 0 for baseline in baselines],
        score=_plain_interval([baseline.metrics[metric.name] for baseline in baselines]),
        others={
            name: _mean_of_all(baseline.metrics[name]["value"] for baseline in baselines)
            for name in baselines[0].metrics
            if name != metric.name
        },
        cost={"train_seconds": _mean(baseline.seconds for baseline in baselines)},
    )


def _plain_interval(scores: Sequence[Mapping[str, float]]) -> Interval:
    """The interval of a single run; of several, without their predictions, only their mean."""
    bounds = (scores[0]["low"], scores[0]["high"]) if len(scores) == 1 else (None, None)
    value = _mean_of_all(score["value"] for score in scores)
    return Interval(*(math.nan if number is None else number for number in (value, *bounds)))


def _mean_cost(results: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    costs = [result["cost"] for result in results]
    means = {name: _mean(cost.get(name) for cost in costs) for name in costs[0] if name != "cache"}
    caches = [cost.get("cache") or {} for cost in costs]
    return {
        **means,
        "cache_gain": _mean(cache.get("estimated_gain") for cache in caches if cache.get("used")),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are known."""
    numbers = [value for value in values if is_known(value)]
    return float(np.mean(numbers)) if numbers else None


def _mean_of_all(values: Iterable[float | None]) -> float | None:
    """The mean of a metric over runs; None if it is undefined for one of them."""
    numbers = list(values)
    return _mean(numbers) if all(map(is_known, numbers)) else None


def _means(study: Study, rows: Sequence[Row]) -> tuple[dict[Cell, Mean], list[str]]:
    """The mean of each cell whose predictions are there, and the group of each test example."""
    metric = study.primary
    if not study.finished or not is_installed(metric.name):
        return {}, []
    files = {row.cell: [run.folder / PREDICTIONS for run in row.runs if run.result] for row in rows}
    for cell, baselines in _baseline_cells(study).items():
        files[cell] = [baseline.predictions for baseline in baselines if baseline.predictions]
    examples = study.finished[0].result["data"]["counts"]["test"]
    read = {
        cell: [read_predictions(path, examples) for path in paths if path.exists()]
        for cell, paths in files.items()
    }
    read = {cell: predictions for cell, predictions in read.items() if predictions}
    groups = _same_examples(
        study, [predictions for several in read.values() for predictions in several]
    )
    return (mean_scores(metric, read, clusters(groups)), groups) if groups else ({}, [])


def mean_scores(
    metric: Metric, read: Mapping[Cell, Sequence[Predictions]], together: NDArray
) -> dict[Cell, Mean]:
    """The mean of the metric over the runs of each cell; `together` (N,) are the clusters.

    Cells are left out if the metric has no interval.
    """
    estimates = {
        cell: [one.estimate(metric, together) for one in predictions]
        for cell, predictions in read.items()
    }
    return {cell: average(metric, runs) for cell, runs in estimates.items() if None not in runs}


def _same_examples(study: Study, everything: Sequence[Predictions]) -> list[str]:
    """The groups of the test examples; raises FolderError if predictions are of different ones."""
    if not everything:
        return []
    first = everything[0]
    if any((other.ids, other.targets) != (first.ids, first.targets) for other in everything):
        raise FolderError(
            f"The runs of {study.folder} were tested on different "
            "examples, so they cannot be compared. The data have changed "
            "in between: run the comparison again with another --out."
        )
    return first.groups


def _order(row: Row) -> tuple:
    """Larger training sizes first; then techniques by validation, baselines by test, unfinished.

    Where the metric is undefined, a baseline is the last of them.
    """
    kind = 2 if row.score is None else 1 if row.cell.is_baseline else 0
    quality = row.val_quality if kind == 0 else row.quality if row.is_measured else -math.inf
    return -row.cell.size.fraction, kind, -quality, row.cell.name


def choose(
    rows: Sequence[Row], size: Size, means: Mapping[Cell, Mean]
) -> tuple[dict[Cell, Row], Choice]:
    """The rows with their difference to the control, and the choice.

    Validation measures the very runs that are tested, so the selected technique is one of the
    luckier ones. Its p-values are therefore corrected (Holm) as if each technique had been
    selected: over the comparisons of all of them with the control and the best baseline, and over
    all pairs of techniques.
    """
    candidates = [row for row in rows if not row.cell.is_baseline and not row.cell.is_control]
    best = best_row(candidates)
    baselines = [row for row in rows if row.cell.is_baseline and row.is_measured]
    baseline = max(baselines, key=lambda row: row.quality, default=None)
    to_controls = {row.cell: _difference(row, control_of(row, rows), means) for row in candidates}
    to_baselines = {row.cell: _difference(row, baseline, means) for row in candidates}
    corrected = _correct([*to_controls.values(), *to_baselines.values()])
    p_controls = dict(zip(to_controls, corrected[: len(candidates)], strict=True))
    p_baselines = dict(zip(to_baselines, corrected[len(candidates) :], strict=True))
    compared = {
        row.cell: replace(row, to_control=to_controls[row.cell], p_corrected=p_controls[row.cell])
        for row in candidates
    }
    if best is None:
        return compared, Choice(size, None, None, baseline, None, None, None, None)
    return compared, Choice(
        size,
        compared[best.cell],
        control_of(best, rows),
        baseline,
        to_controls[best.cell],
        to_baselines[best.cell],
        p_controls[best.cell],
        p_baselines[best.cell],
        _compare_others(best, candidates, means),
    )


def _correct(differences: Sequence[Difference | None]) -> list[float | None]:
    """The p-values of these differences, corrected for being several; None where there is none."""
    corrected = holm([each.p if each else math.nan for each in differences])
    return [p if is_known(p) else None for p in corrected]


def _compare_others(
    best: Row, candidates: Sequence[Row], means: Mapping[Cell, Mean]
) -> tuple[Beside, ...]:
    """Compare with the other candidates, except those without predictions."""
    pairs = [(best, row) for row in candidates if row is not best]
    pairs += combinations([row for row in candidates if row is not best], 2)
    differences = [_difference(one, other, means) for one, other in pairs]
    compared = zip(pairs, differences, _correct(differences), strict=True)
    return tuple(
        Beside(other, difference, p)
        for (one, other), difference, p in compared
        if one is best and difference is not None and p is not None
    )


def _difference(row: Row, other: Row | None, means: Mapping[Cell, Mean]) -> Difference | None:
    if other is None or row.cell not in means or other.cell not in means:
        return None
    if not row.is_measured or not other.is_measured:
        return None
    return means[row.cell].minus(means[other.cell])
