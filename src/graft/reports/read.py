"""A study folder, or the folder of a single run, read into records; nothing is trained and nothing is run again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.base.errors import FolderError
from graft.metrics.find import find
from graft.metrics.intervals import Estimate, estimate
from graft.metrics.metric import jackknife
from graft.studies.records import (
    read_baselines,
    read_findings,
    read_result,
    read_spec,
    read_status,
    read_study,
)


@dataclass(frozen=True)
class Run:
    """One run's folder. `result` is there when `state` is `finished`."""

    folder: Path
    state: str
    message: str
    spec: dict[str, Any]
    result: dict[str, Any] | None
    history: list[dict[str, Any]]

    def asked(self, key: str) -> Any:
        return self.spec.get(key)


@dataclass(frozen=True)
class Baseline:
    """A trivial predictor, learnt from `fraction` of the training split that `seed` drew; `predictions` may be absent."""

    name: str
    fraction: float
    seed: int | None
    metrics: dict[str, dict[str, float]]
    seconds: float | None
    predictions: Path | None


@dataclass(frozen=True)
class Study:
    """What the report shows. `compares` is False for the folder of a single run."""

    folder: Path
    about: dict[str, Any]
    runs: list[Run]
    baselines: list[Baseline]
    findings: list[dict[str, Any]]
    compares: bool

    @property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.result]

    @property
    def metric(self) -> str:
        """The primary metric; while no run has finished, the first one of the baselines."""
        if self.finished:
            return self.finished[0].result["primary_metric"]
        return next((name for baseline in self.baselines for name in baseline.metrics), "accuracy")


def read(folder: Path) -> Study:
    """The study or the run in `folder`; raises FolderError where it is neither."""
    if (folder / "study.json").exists():
        return _read_study(folder)
    if (folder / "spec.json").exists():
        return _read_single(folder)
    raise FolderError(
        f"{folder} is neither a study nor a run: it has no study.json and no spec.json. Name the folder that --out gave."
    )


def read_mistakes(run: Run) -> list[dict[str, Any]]:
    """The rows of the run's mistakes.jsonl."""
    return _lines(run.folder / "mistakes.jsonl")


@dataclass(frozen=True)
class Predictions:
    """The test predictions of a run or baseline: ids (N,), scores (N, C), targets (N,) or (N, C) for several labels.

    Of a task whose predictions are no probabilities there are instead `parts` (N, K), the terms of the primary metric,
    and the targets are JSON texts (N,). `groups` (N,) tell which examples are about the same.
    """

    ids: list[str]
    scores: NDArray
    targets: NDArray
    groups: list[str]
    parts: NDArray | None = None

    def estimate(self, metric: str, clusters: NDArray) -> Estimate | None:
        """`metric` with what its interval needs; where there are parts, it must be the primary one.

        `clusters` (N,) are the examples that count as one. None for a metric that has no interval.
        """
        if self.parts is None:
            return estimate(find(metric), self.scores, self.targets, clusters)
        value = find(metric).value
        return Estimate(
            float(value(self.parts.sum(axis=0))),
            jackknife(self.parts, value, clusters),
            len(self.parts),
        )


def read_predictions(path: Path, classes: Sequence[str]) -> Predictions:
    """The rows of the test split, sorted by id; raises FolderError where they cannot be read or do not fit the classes."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise FolderError(
            f"{path} cannot be read: {error}. Delete the run's folder and run the comparison again."
        ) from error
    if not {"split", "id", "group", "target"} <= set(table) or not {"parts", "probabilities"} & set(
        table
    ):
        found = ", ".join(table)
        raise FolderError(
            f"{path} needs the columns split, id, group, target, and probabilities or parts, and has {found}. "
            "Delete the run's folder and run the comparison again."
        )
    table = table[table["split"] == "test"].sort_values("id", kind="stable")
    ids, groups = table["id"].tolist(), table["group"].tolist()
    if "parts" in table:
        targets = np.array(
            [json.dumps(target, sort_keys=True, default=_plain) for target in table["target"]],
            object,
        )
        parts = np.array(table["parts"].tolist(), float).reshape(len(table), -1)
        return Predictions(ids, np.zeros((len(table), 0)), targets, groups, parts)
    number = {name: i for i, name in enumerate(classes)}
    several = len(table) > 0 and not isinstance(table["target"].iloc[0], str)
    targets = np.zeros((len(table), len(classes)), int)
    for row, label in enumerate(table["target"]):
        for name in label if several else [label]:
            if name not in number:
                raise FolderError(
                    f"{path} has the label {name!r}, which is not one of the classes {', '.join(classes)}."
                )
            targets[row, number[name]] = 1
    scores = np.array(table["probabilities"].tolist(), float).reshape(len(table), -1)
    if not np.isfinite(scores).all():
        raise FolderError(
            f"{path} has probabilities that are NaN: the training diverged. Delete the run's folder and run the "
            "comparison again, with a lower learning rate."
        )
    if len(table) and scores.shape[1] != len(classes):
        raise FolderError(
            f"{path} has {scores.shape[1]} probabilities an example, but there are {len(classes)} classes."
        )
    return Predictions(ids, scores, targets if several else targets.argmax(axis=1), groups)


def _plain(value: NDArray | np.generic) -> Any:
    """What parquet gives as NumPy's, as JSON has it."""
    return value.tolist()


def _read_study(folder: Path) -> Study:
    about = read_study(folder)
    names = about.get("runs") or sorted(path.name for path in (folder / "runs").glob("*"))
    names = list(dict.fromkeys(names))  # a technique that was asked for twice is listed twice
    runs = [_read_run(folder / "runs" / name) for name in names]
    baselines = [_read_baseline(folder, row) for row in read_baselines(folder)]
    return Study(folder, about, runs, baselines, read_findings(folder), compares=True)


def _read_single(folder: Path) -> Study:
    run = _read_run(folder)
    found = (run.result or {}).get("baseline", {})
    baselines = [
        Baseline(name, run.asked("fraction") or 1.0, run.asked("seed"), metrics, None, None)
        for name, metrics in found.items()
    ]
    return Study(folder, run.spec, [run], baselines, read_findings(folder), compares=False)


def _read_run(folder: Path) -> Run:
    """A run in whatever state; one that has not begun has an empty spec."""
    spec = read_spec(folder) if (folder / "spec.json").exists() else {}
    status, result = read_status(folder), read_result(folder)
    state = "finished" if result else status.get("state", "not started")
    if state == "finished" and not result:
        state = "interrupted"
    return Run(
        folder, state, status.get("message") or "", spec, result, _lines(folder / "history.jsonl")
    )


def _read_baseline(folder: Path, row: dict[str, Any]) -> Baseline:
    file = folder / "baselines" / row["predictions"] if row.get("predictions") else None
    fraction = row.get("fraction", 1.0)
    there = file if file and file.exists() else None
    return Baseline(
        row["baseline"],
        fraction,
        row.get("seed"),
        row["metrics"]["test"],
        row.get("seconds"),
        there,
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    """JSON objects by line; from the first line on that is torn or no object, they are left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not isinstance(row, dict):
            break
        rows.append(row)
    return rows
