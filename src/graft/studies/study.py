"""A study: runs over techniques, backbones, seeds and fractions of the same data, with their control and baselines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graft.base import env, files
from graft.base.errors import GraftError
from graft.data.data import Data
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.executors import each_in_a_process
from graft.studies.run import execute, prediction_rows
from graft.studies.spec import RunSpec
from graft.tasks.options import learnt
from graft.training.observers import Observer

CONTROL = "from-scratch"


@dataclass(frozen=True)
class Question:
    """What a study compares; `base` holds what all its runs have in common."""

    base: RunSpec
    techniques: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: tuple[int, ...]
    fractions: tuple[float, ...]
    command: str

    def runs(self) -> list[RunSpec]:
        """The specs of all runs, the control among them; seeds innermost last, so that every technique has a result early."""
        techniques = self.techniques if CONTROL in self.techniques else (CONTROL, *self.techniques)
        cells = product(self.seeds, self.fractions, self.backbones, techniques)
        return [replace(self.base, seed=s, fraction=f, backbone=b, technique=t) for s, f, b, t in cells]

    def to_json(self) -> dict[str, Any]:
        runs = self.runs()
        return {
            "schema": 1,
            "command": self.command,
            "data": self.base.data,
            "task": self.base.task,
            "techniques": list(dict.fromkeys(run.technique for run in runs)),
            "backbones": list(self.backbones),
            "seeds": list(self.seeds),
            "fractions": list(self.fractions),
            "shots": self.base.shots,
            "epochs": self.base.epochs,
            "batch_size": self.base.batch_size,
            "precision": self.base.precision,
            "weighted": self.base.weighted,
            "runs": [run.hash for run in runs],
            "versions": env.versions(),
            "hardware": env.hardware(),
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Question:
        """The question that a study.json holds."""
        base = RunSpec.from_json({**found, "backbone": found["backbones"][0], "technique": CONTROL})
        lists = {name: tuple(found[name]) for name in ("techniques", "backbones", "seeds", "fractions")}
        return cls(base, **lists, command=found["command"])


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
    """Each baseline for each training split that the runs see: one for the whole data, else one a fraction and seed."""
    base = question.base
    whole = base.shots is None
    cells = [(f, s) for f in question.fractions for s in (question.seeds[:1] if f == 1.0 and whole else question.seeds)]
    if _baselines_there(folder, base, cells):
        return
    task = learnt(base.task, data, weighted=base.weighted)
    rows = []
    for fraction, seed in cells:
        part = subsample(data, fraction=fraction, shots=base.shots, seed=seed)
        for row in run_baselines(task, part):
            name = f"{row['baseline']}-{fraction:g}-{seed}.parquet"
            table = pd.DataFrame(prediction_rows(task, "test", part.splits["test"], np.asarray(row.pop("scores"))))
            files.write(folder / "baselines" / name, lambda path, table=table: table.to_parquet(path, index=False))
            rows.append({**row, "fraction": fraction, "seed": seed, "data": base.data["hash"], "predictions": name})
    files.write_json(folder / "baselines.json", rows)


def _baselines_there(folder: Path, base: RunSpec, cells: Sequence[tuple[float, int]]) -> bool:
    if not (folder / "baselines.json").exists():
        return False
    rows = files.read_json(folder / "baselines.json", "a study")
    return {(row["fraction"], row["seed"]) for row in rows if row["data"] == base.data["hash"]} >= set(cells)


def slug(text: str) -> str:
    """A text as a file name."""
    return re.sub(r"[^\w.=-]+", "-", text).strip("-").lower() or "data"
