"""Read a study folder, or the folder of a single run, into records; nothing is run again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from graft.base import files
from graft.base.counts import plural
from graft.base.errors import FolderError
from graft.metrics.find import find_or_assume
from graft.metrics.intervals import Estimate, estimate
from graft.metrics.metric import Metric, Terms, numbers, plain_term
from graft.studies.alone import learns_some
from graft.studies.question import BASELINES
from graft.studies.records import (
    PREDICTIONS,
    STUDY_AGAIN,
    TRAIN_AGAIN,
    check_result,
    read_baselines,
    read_examples,
    read_findings,
    read_history,
    read_mistakes,
    read_result,
    read_spec,
    read_status,
    read_study,
)
from graft.training.validators.validator import VAL


@dataclass(frozen=True)
class Run:
    """One run's folder. `result` is there when `state` is `finished`."""

    folder: Path
    state: str
    message: str
    spec: dict[str, Any]
    result: dict[str, Any] | None
    history: list[dict[str, Any]]

    def setting(self, key: str) -> Any:
        return self.spec.get(key)


@dataclass(frozen=True)
class Baseline:
    """A trivial predictor, learned from `fraction` of the training split that `seed` drew.

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
    """The content of a study folder; `compares` is False for the folder of a single run.

    `losses` are sentences about what is lost or damaged in the folder.
    """

    folder: Path
    about: dict[str, Any]
    runs: list[Run]
    baselines: list[Baseline]
    findings: list[dict[str, Any]]
    compares: bool
    losses: tuple[str, ...] = ()
    alone: tuple[Run, ...] = ()
    """The runs that learn some of several tasks: they are held beside those of all tasks, and are
    no techniques to choose."""

    @property
    def finished(self) -> list[Run]:
        return [run for run in self.runs if run.result]

    @property
    def selected_by(self) -> str:
        """What a technique is chosen by: the validation split, or a validator."""
        return self.about.get("selected_by", VAL)

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
        return replace(find_or_assume(name), unit=units.get(name, ""))


def read(folder: Path) -> Study:
    """The study or the run in `folder`; raises FolderError if it is neither or is damaged."""
    if (folder / "study.json").exists():
        study = _read_study(folder)
        _check_metrics(study)
        return replace(study, losses=_find_losses(study))
    if (folder / "spec.json").exists():
        study = _read_single(folder)
        return replace(study, losses=_find_damaged_lines(study))
    raise FolderError(
        f"{folder} is neither a study nor a run: it has no study.json and no spec.json. "
        "Name the folder that --out gave."
    )


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
_TEXTS = ("split", "id", "group", "terms")


def read_predictions(path: Path, examples: int) -> Predictions:
    """The rows of the test split, sorted by id.

    Raises FolderError if the file is damaged, or is not about so many examples.
    """
    try:
        table = _read_table(path, examples)
        terms = _read_terms(table["terms"])
    except (OSError, ValueError, RecursionError) as error:
        again = TRAIN_AGAIN if path.name == PREDICTIONS else STUDY_AGAIN
        reason = files.describe_damage(path, error)
        raise FolderError(
            f"{path} cannot be read: {reason}. It was damaged, or written by another version of "
            f"Graft. Delete {path}, {again}."
        ) from error
    if not all(math.isfinite(number) for term in terms for number in numbers(term)):
        raise FolderError(
            f"{path} has terms that are NaN or infinite: the training diverged. Delete the run's "
            "folder and run the comparison again, with a lower learning rate."
        )
    targets = [json.dumps(target, sort_keys=True, default=plain_term) for target in table["target"]]
    return Predictions(table["id"].tolist(), terms, targets, table["group"].tolist())


def _read_table(path: Path, examples: int) -> pd.DataFrame:
    """The rows of the test split, sorted by id; raises ValueError if some are missing or wrong."""
    table = pd.read_parquet(path)
    if missing := [name for name in COLUMNS if name not in table]:
        columns = ", ".join(table) or "none"
        raise ValueError(f"it lacks the columns {', '.join(missing)} and has {columns}")
    for name in _TEXTS:
        wrong = sum(not isinstance(value, str) for value in table[name])
        if wrong:
            raise ValueError(f"{wrong:,} of its {len(table):,} rows have no text as {name!r}")
    if wrong := sum(target is None for target in table["target"]):
        raise ValueError(f"{wrong:,} of its {len(table):,} rows have no 'target'")
    table = table[table["split"] == "test"].sort_values("id", kind="stable")
    if len(table) != examples:
        raise ValueError(f"it holds {len(table):,} test examples, and there are {examples:,}")
    return table


def _read_terms(texts: Iterable[str]) -> list[Any]:
    """The terms of each example; raises ValueError if they are none, or differ in their form."""
    terms = [json.loads(text) for text in texts]
    forms = {_form(term) for term in terms}
    if None in forms or len(forms) > 1:
        raise ValueError("its 'terms' are not the numbers, or lists of numbers, of one form")
    return terms


def _form(term: Any) -> Any:
    """What a term holds in order: numbers, and lists of them; None if anything else.

    Lists in a term may differ in length between examples, as those of the objects in a picture.
    """
    if not isinstance(term, list):
        return _kind(term)
    kinds = tuple(map(_kind, term))
    return None if None in kinds else kinds


def _kind(part: Any) -> str | None:
    if isinstance(part, list):
        return None if None in map(_kind, part) else "list"
    is_number = isinstance(part, int | float) and not isinstance(part, bool)
    return "number" if is_number else None


def _read_study(folder: Path) -> Study:
    about = read_study(folder)
    names = about.get("runs") or sorted(path.name for path in (folder / "runs").glob("*"))
    names = list(dict.fromkeys(names))  # a technique that was asked for twice is listed twice
    everything = [_read_run(folder / "runs" / name) for name in names]
    alone = tuple(run for run in everything if learns_some(run.spec.get("technique", "")))
    runs = [run for run in everything if run not in alone]
    baselines = [_read_baseline(folder, row) for row in read_baselines(folder)]
    findings = read_findings(folder)
    return Study(folder, about, runs, baselines, findings, compares=True, alone=alone)


def _read_single(folder: Path) -> Study:
    run = _read_run(folder)
    result = run.result or {}
    words, fraction = result.get("baseline_words") or {}, run.setting("fraction") or 1.0
    baselines = [
        Baseline(name, words.get(name, name), fraction, run.setting("seed"), metrics, None, None)
        for name, metrics in result.get("baseline", {}).items()
    ]
    return Study(folder, run.spec, [run], baselines, read_findings(folder), compares=False)


def _read_run(folder: Path) -> Run:
    """A run in whatever state; one that has not begun has an empty spec."""
    spec = read_spec(folder) if (folder / "spec.json").exists() else {}
    status, result = read_status(folder), read_result(folder)
    if spec and result:
        check_result(folder, spec, result)
    state = "finished" if result else status.get("state", "not started")
    if state == "finished" and not result:
        state = "interrupted"
    message = status.get("message") or ""
    return Run(folder, state, message, spec, result, read_history(folder).rows)


def _check_metrics(study: Study) -> None:
    """Raise FolderError unless all runs have one primary metric, which all baselines have too."""
    name = study.primary.name
    for run in study.finished:
        if run.result["primary_metric"] != name:
            raise FolderError(
                f"{run.folder / 'result.json'} has {run.result['primary_metric']!r} as "
                f"'primary_metric', and that of {study.finished[0].folder} has {name!r}: one of "
                "them was changed. Put the value back."
            )
    for baseline in study.baselines:
        if name not in baseline.metrics:
            path = study.folder / "baselines.json"
            raise FolderError(
                f"{path} lacks {name!r} in 'metrics.test' of {baseline.name}. "
                f"Delete {path}, {STUDY_AGAIN}."
            )


_NO_BASELINES = (
    "The study has no baselines.json any more, so nothing is compared with the trivial baselines. "
    "Give its command again: they are measured again, and finished runs are kept."
)
_LOST_BASELINES = (
    "The predictions of {baselines} are missing in {folder}, so "
    "nothing is compared with what they reach. Give the command of the "
    "study again: they are measured again, and finished runs are kept."
)
_LOST_PREDICTIONS = (
    "{path} is missing, so the run counts in no interval and no comparison. Give the command of "
    "the study again: this run is trained again."
)


def _find_losses(study: Study) -> tuple[str, ...]:
    """List what is missing or damaged in the folder of a study, and the consequences."""
    paths = [run.folder / PREDICTIONS for run in study.finished]
    losses = [_LOST_PREDICTIONS.format(path=path) for path in paths if not path.exists()]
    if study.finished and not (study.folder / "baselines.json").exists():
        losses.append(_NO_BASELINES)
    if lost := {baseline.name for baseline in study.baselines if baseline.predictions is None}:
        baselines, folder = plural(len(lost), "baseline"), study.folder / BASELINES
        losses.append(_LOST_BASELINES.format(baselines=baselines, folder=folder))
    return (*_find_damaged_lines(study), *losses)


def _find_damaged_lines(study: Study) -> tuple[str, ...]:
    """List damaged lines of JSONL files, which are skipped."""
    readers = (read_history, read_mistakes, read_examples)
    read = (lines(run.folder) for run in study.runs for lines in readers)
    return tuple(lines.damage for lines in read if lines.damage)


def _read_baseline(folder: Path, row: dict[str, Any]) -> Baseline:
    file = folder / BASELINES / row["predictions"]
    fraction = row.get("fraction", 1.0)
    there = file if file.exists() else None
    return Baseline(
        row["baseline"],
        row.get("words", row["baseline"]),
        fraction,
        row.get("seed"),
        row["metrics"]["test"],
        row.get("seconds"),
        there,
    )
