"""Carry out a study: its baselines, and every run that is not finished, each in a process of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.base import files
from graft.base.errors import GraftError
from graft.data.data import Data
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.executors import each_in_a_process
from graft.studies.question import Question
from graft.studies.run import execute, prediction_rows
from graft.studies.spec import RunSpec
from graft.tasks.options import learnt
from graft.tasks.task import Task
from graft.training.observers import Observer


@dataclass(frozen=True)
class Job:
    """One run as it is handed to a process."""

    spec: RunSpec
    data: Data
    folder: Path


def run_job(job: Job) -> dict[str, Any]:
    """What a process does; errors of the user's are told by their message alone."""
    return execute(job.spec, job.data, job.folder, Observer(), baselines=False)


def run_study(question: Question, data: Data, folder: Path, jobs: int, observer: Observer) -> None:
    """Carry out every run that is not finished, and the baselines; a failed run is told and costs no other."""
    files.write_json(folder / "study.json", question.to_json())
    _write_baselines(question, data, folder)
    jobs_left = []
    specs = question.runs()
    done = 0
    for spec in specs:
        path = folder / "runs" / spec.hash
        if (path / "result.json").exists():
            done += 1
            observer.study_event(done, len(specs), _name(spec), "skipped", "finished before")
        else:
            jobs_left.append(Job(spec, data, path))
    for index, result, error in each_in_a_process(run_job, jobs_left, jobs):
        job = jobs_left[index]
        done += 1
        if error is None:
            metric = result["primary_metric"]
            found = result["metrics"]["test"][metric]
            message = f"{metric} {found['value']:.3f}, {result['cost']['train_seconds']:.0f} s of training"
            observer.study_event(done, len(specs), _name(job.spec), "finished", message)
        elif isinstance(error, Exception):
            files.write_json(job.folder / "status.json", {"state": "failed", "message": _words(error)})
            observer.study_event(done, len(specs), _name(job.spec), "failed", _words(error))
        else:
            raise error


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, GraftError) else f"{type(error).__name__}: {error}"


def _name(spec: RunSpec) -> str:
    part = f" {spec.fraction:.0%}" if spec.fraction < 1 else ""
    return f"{spec.technique} · {spec.backbone.rpartition(':')[2]}{part} · seed {spec.seed}"


def _write_baselines(question: Question, data: Data, folder: Path) -> None:
    """Each baseline for each training split that the runs see: one for the whole data, else one a fraction and seed.

    A row keeps the whole question that it answers. Only rows that answer one of this study's are kept.
    """
    base, path = question.base, folder / "baselines.json"
    kept = files.read_json(path, "a study") if path.exists() else []
    task = learnt(base.task, data, weighted=base.weighted)
    rows = []
    for asked in _baseline_questions(question):
        answers = [row for row in kept if all(row.get(name) == value for name, value in asked.items())]
        rows += answers or _answer_baselines(asked, task, data, folder)
    files.write_json(path, rows)


def _baseline_questions(question: Question) -> list[dict[str, Any]]:
    """All that decides what a baseline learns and is measured on, for each training split of the study."""
    base = question.base
    common = {"data": base.data["hash"], "task": base.task, "weighted": base.weighted, "shots": base.shots}
    whole = base.shots is None
    cells = [(f, s) for f in question.fractions for s in (question.seeds[:1] if f == 1.0 and whole else question.seeds)]
    return [{**common, "fraction": fraction, "seed": seed} for fraction, seed in cells]


def _answer_baselines(asked: dict[str, Any], task: Task, data: Data, folder: Path) -> list[dict[str, Any]]:
    """Run the baselines on one training split, and write their predictions."""
    part = subsample(data, fraction=asked["fraction"], shots=asked["shots"], seed=asked["seed"])
    rows = []
    for row in run_baselines(task, part):
        name = f"{row['baseline']}-{asked['fraction']:g}-{asked['seed']}.parquet"
        table = pd.DataFrame(prediction_rows(task, "test", part.splits["test"], np.asarray(row.pop("scores"))))
        files.write(folder / "baselines" / name, lambda path, table=table: table.to_parquet(path, index=False))
        rows.append({**row, **asked, "predictions": name})
    return rows


def slug(text: str) -> str:
    """A text as a file name."""
    return re.sub(r"[^\w.=-]+", "-", text).strip("-").lower() or "data"
