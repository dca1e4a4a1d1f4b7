"""Metrics of several tasks at once: those of one of them, and the mean over all.

Scores and targets are object arrays (N,) of dicts, by the name of the task; a task that an example
has no label of is missing from its targets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import Measurement, Metric, Terms, plain_term

MEAN = "mean"
"""The name of a mean begins with this word: `mean(stress.accuracy, severity.r2)`."""


def of_part(metric: Metric, part: str) -> Metric:
    """Return the metric of one task, over the examples that have its label."""
    return replace(
        metric,
        name=f"{part}.{metric.name}",
        words=f"{metric.words} of {part}",
        terms=lambda scores, targets: _read_part(metric, part, scores, targets),
        weigh=lambda terms: _weigh_known(metric, terms),
        undefined=f"{metric.undefined}, or no example has a label of {part}",
    )


def mean_of(metrics: Mapping[str, Metric]) -> Metric:
    """Return the mean of one metric of each task, by the name of the task; best is 1."""
    names = ", ".join(f"{part}.{metric.name}" for part, metric in metrics.items())
    about = [f"{metric.words} of {part}" for part, metric in metrics.items()]

    def read(scores: NDArray, targets: NDArray) -> Terms:
        columns = [_read_part(m, part, scores, targets) for part, m in metrics.items()]
        return [list(row) for row in zip(*columns, strict=True)]

    def weigh(terms: Terms) -> Measurement:
        columns = ([row[number] for row in terms] for number in range(len(metrics)))
        pairs = zip(metrics.values(), columns, strict=True)
        return _mean([_weigh_known(metric, column) for metric, column in pairs])

    return Metric(
        f"{MEAN}({names})",
        read,
        weigh,
        words=f"mean of {' and '.join(about)}" if len(about) < 3 else f"mean of {len(about)} tasks",
        is_fraction=all(metric.is_fraction for metric in metrics.values()),
        limits=(-math.inf, 1.0),
        undefined="a task has no value",
    )


def read_name(name: str, find: Callable[[str], Metric | None]) -> Metric | None:
    """Return the metric that such a name describes, made of those that `find` knows; else None."""
    if metrics := averaged(name, find):
        return mean_of(metrics)
    part, _, rest = name.rpartition(".")
    metric = find(rest) if part else None
    return None if metric is None else of_part(metric, part)


def averaged(name: str, find: Callable[[str], Metric | None]) -> dict[str, Metric]:
    """Return the metric of each task that a mean is of, by the name of the mean; else none."""
    if not (name.startswith(f"{MEAN}(") and name.endswith(")")):
        return {}
    metrics, part = {}, ""
    for piece in name[len(MEAN) + 1 : -1].split(", "):
        part = f"{part}, {piece}" if part else piece  # a name may hold a comma
        metric = find(part.rpartition(".")[2])
        if metric is not None:
            metrics[part.rpartition(".")[0]], part = metric, ""
    return {} if part else metrics


def known_rows(targets: NDArray, part: str) -> list[int]:
    """Return the examples that have a label of the task."""
    return [row for row, labels in enumerate(targets) if part in labels]


def column(entries: NDArray, part: str, rows: Sequence[int]) -> NDArray:
    """Return the entries of one task in these rows, as its own metrics take them.

    Numbers (N,) and vectors (N, K) are joined; anything else is an object array (N,).
    """
    values = [entries[row][part] for row in rows]
    shapes = {np.shape(value) if _is_numeric(value) else None for value in values}
    if len(shapes) == 1 and None not in shapes and len(next(iter(shapes))) < 2:
        return np.stack(values)
    return np.fromiter(values, dtype=object, count=len(values))


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) and value.dtype != object


def _read_part(metric: Metric, part: str, scores: NDArray, targets: NDArray) -> list[list[Any]]:
    """The term of each example in a list, which is empty for one without a label."""
    rows = known_rows(targets, part)
    terms: list[list[Any]] = [[] for _ in range(len(targets))]
    if rows:
        read = metric.terms(column(scores, part, rows), column(targets, part, rows))
        for row, term in zip(rows, read, strict=True):
            terms[row] = [plain_term(term)]
    return terms


def _weigh_known(metric: Metric, terms: Terms) -> Measurement:
    """Measure the examples that have a term."""
    rows = np.array([row for row, term in enumerate(terms) if len(term)], int)
    if not len(rows):
        return Measurement(math.nan, None, lambda: 0)
    measured = metric.weigh([terms[row][0] for row in rows])
    if measured.influence is None:
        return measured

    def influence(clusters: NDArray) -> NDArray:
        """Of every cluster; those without a label add nothing."""
        present, numbers = np.unique(clusters[rows], return_inverse=True)
        whole = np.zeros(int(clusters.max()) + 1)
        whole[present] = measured.influence(numbers)
        return whole

    return replace(measured, influence=influence)


def _mean(parts: Sequence[Measurement]) -> Measurement:
    """The mean of several measurements of the same examples."""
    value = float(np.mean([part.value for part in parts]))
    if any(part.influence is None for part in parts):
        return Measurement(value, None, lambda: min(part.num_examples() for part in parts))
    return Measurement(
        value,
        lambda clusters: np.mean([part.influence(clusters) for part in parts], axis=0),
        lambda: float(np.mean([part.num_examples() for part in parts])),
    )
