"""Read a study folder, or the folder of a single run, into records; nothing is run again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from graft.base.errors import FolderError
from graft.metrics.find import named
from graft.metrics.intervals import Estimate, estimate
from graft.metrics.metric import Metric, Terms, numbers
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
    """A trivial predictor, learnt from `fraction` of the training split that `seed` drew.

    `words` is what a person calls it. `predictions` may be absent.
    """

    name: str
    words: str
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
    def primary(self) -> Metric:
        """The primary metric; if no run has finished, the first one of the baselines."""
        if self.finished:
            return self.metric(self.finished[0].result["primary_metric"])
        names = (name for baseline in self.baselines for name in baseline.metrics)
        return self.metric(next(names, "score"))

    def metric(self, name: str) -> Metric:
        """The metric of that name, with the unit that the runs have it in."""
        units = self.finished[0].result.get("units") or {} if self.finished else {}
        return replace(named(name), unit=units.get(name, ""))


def read(folder: Path) -> Study:
    """The study or the run in `folder`; raises FolderError where it is neither."""
    if (folder / "study.json").exists():
        return _read_study(folder)
    if (folder / "spec.json").exists():
        return _read_single(folder)
    raise FolderError(
        f"{folder} is neither a study nor a run: it has no study.json and no spec.json. "
        "Name the folder that --out gave."
    )


def read_mistakes(run: Run) -> list[dict[str, Any]]:
    """The rows of the run's mistakes.jsonl."""
    return _lines(run.folder / "mistakes.jsonl")


@dataclass(frozen=True)
class Predictions:
    """The test predictions of a run or baseline, as the primary metric reads them.

    ids (N,), `terms` (N,) of the metric, the targets as JSON texts (N,), and `groups` (N,), which
    tell the examples that are about the same.
    """

    ids: list[str]
    terms: Terms
    targets: list[str]
    groups: list[str]

    def estimate(self, metric: Metric, clusters: NDArray) -> Estimate | None:
        """The primary metric with what its interval needs; None if it has no interval.

        `clusters` (N,) are the examples that count as one.
        """
        return estimate(metric, self.terms, clusters)


COLUMNS = ("split", "id", "group", "target", "terms")
_REMEDY = "Run the comparison again with another --out."


def read_predictions(path: Path) -> Predictions:
    """The rows of the test split, sorted by id; raises FolderError if they cannot be read."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} cannot be read: {error}. {_REMEDY}") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise FolderError(
            f"{path} lacks the columns {', '.join(missing)} and has {', '.join(table)}. "
            f"It was damaged, or written by an earlier version of Graft. {_REMEDY}"
        )
    table = table[table["split"] == "test"].sort_values("id", kind="stable")
    try:
        terms = [json.loads(term) for term in table["terms"]]
    except (TypeError, ValueError) as error:
        raise FolderError(f"{path} has terms that are no JSON: {error}. {_REMEDY}") from error
    if not all(math.isfinite(number) for term in terms for number in numbers(term)):
        raise FolderError(
            f"{path} has terms that are NaN or infinite: the training diverged. Delete the run's "
            "folder and run the comparison again, with a lower learning rate."
        )
    targets = [json.dumps(target, sort_keys=True, default=_plain) for target in table["target"]]
    return Predictions(table["id"].tolist(), terms, targets, table["group"].tolist())


def _plain(value: Any) -> Any:
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
    result = run.result or {}
    words, fraction = result.get("baseline_words") or {}, run.asked("fraction") or 1.0
    baselines = [
        Baseline(name, words.get(name, name), fraction, run.asked("seed"), metrics, None, None)
        for name, metrics in result.get("baseline", {}).items()
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
        row.get("words", row["baseline"]),
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
