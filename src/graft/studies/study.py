"""Carry out a study: its baselines, and each unfinished run in a process of its own."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base import files
from graft.base.errors import FolderError, GraftError
from graft.base.locks import hold_lock
from graft.data.data import Data
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.executors import each_in_a_process
from graft.studies.plan import Remaining, plan_study, threads_of
from graft.studies.question import BASELINES, Question, baseline_questions
from graft.studies.records import read_result
from graft.studies.run import close, execute
from graft.studies.save import prediction_rows, write_rows
from graft.studies.spec import RunSpec
from graft.tasks.specs.options import read_task
from graft.tasks.task import Task
from graft.training.loop.stage import CHECKPOINT_SECONDS
from graft.training.observers import LogFile, Observer, StudyEvent


@dataclass(frozen=True)
class Job:
    """One run as it is handed to a process."""

    spec: RunSpec
    data: Data
    folder: Path
    checkpoint_seconds: float


def run_job(job: Job) -> dict[str, Any]:
    """Run one job in a process; errors that the user can fix keep only their message."""
    return execute(
        job.spec,
        job.data,
        job.folder,
        Observer(),
        baselines=False,
        checkpoint_seconds=job.checkpoint_seconds,
    )


def run_study(
    question: Question,
    data: Data,
    folder: Path,
    jobs: int,
    observer: Observer,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Carry out the baselines and every unfinished run; a failed run does not stop the others.

    The observer and the study's log.txt are told first how long it will take, then of each run.
    All runs compute with the same number of threads, which a resumed study reads from study.json.
    """
    threads = threads_of(question, folder, jobs)
    files.write_json(
        folder / "study.json", {**question.to_json(), "jobs": jobs, "threads": threads}
    )
    log = LogFile(folder / "log.txt", observer)
    plan = plan_study(question, data, folder, jobs, log)
    log.study_plan(plan.to_json())
    _write_baselines(question, data, folder)
    specs = question.runs()
    seconds_left = [spec for spec in specs if spec.hash in plan.run_seconds]
    waiting = [
        Job(spec, data, folder / "runs" / spec.hash, checkpoint_seconds) for spec in seconds_left
    ]
    done = 0
    for spec in specs:
        if spec.hash not in plan.run_seconds:
            done += 1
            run = folder / "runs" / spec.hash
            close(spec, run, read_result(run))
            log.study_event(StudyEvent(done, len(specs), _name(spec), "skipped", "finished before"))
    remaining = Remaining(plan)
    for index, result, error in each_in_a_process(run_job, waiting, jobs, threads):
        job = waiting[index]
        if error is not None and not isinstance(error, Exception):
            raise error
        done += 1
        seconds_left = remaining.end(job.spec.hash, failed=error is not None)
        state, message = _outcome(job, result, error)
        log.study_event(
            StudyEvent(
                done,
                len(specs),
                _name(job.spec),
                state,
                message,
                seconds_left if done < len(specs) else None,
            )
        )


def _outcome(job: Job, result: dict[str, Any] | None, error: Exception | None) -> tuple[str, str]:
    """The state of a run that ended and a message; a failure is written into its folder.

    It is not written if another process works on the run, whose status it would overwrite.
    """
    if error is not None:
        with suppress(FolderError), hold_lock(job.folder):
            files.write_json(
                job.folder / "status.json", {"state": "failed", "message": _words(error)}
            )
        return "failed", _words(error)
    metric = result["primary_metric"]
    value = result["metrics"]["test"][metric]["value"]
    score = "undefined" if value is None else f"{value:.3f}"
    return "finished", f"{metric} {score}, {result['cost']['train_seconds']:.0f} s of training"


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, GraftError) else f"{type(error).__name__}: {error}"


def _name(spec: RunSpec) -> str:
    part = f" {spec.fraction:.0%}" if spec.fraction < 1 else ""
    return f"{spec.technique} · {spec.backbone.rpartition(':')[2]}{part} · seed {spec.seed}"


def _write_baselines(question: Question, data: Data, folder: Path) -> None:
    """Write the results of each baseline on each training split that the runs see.

    That is one split for the whole data, else one for each fraction and seed. A row holds the whole
    question that it answers; rows that answer another study's question are dropped.
    """
    base, path = question.base, folder / "baselines.json"
    task = read_task(base.task, data, weighted=base.weighted)
    rows = []
    for asked, answers in baseline_questions(question, folder):
        rows += answers or _answer_baselines(asked, task, data, folder)
    files.write_json(path, rows)


def _answer_baselines(
    asked: dict[str, Any], task: Task, data: Data, folder: Path
) -> list[dict[str, Any]]:
    """Run the baselines on one training split, and write their predictions."""
    part = subsample(data, fraction=asked["fraction"], shots=asked["shots"], seed=asked["seed"])
    rows = []
    for row in run_baselines(task, part):
        name = f"{row['baseline']}-{asked['fraction']:g}-{asked['seed']}.parquet"
        test = part.splits["test"]
        answers = prediction_rows(task, "test", test, row.pop("scores"), part.kind)
        write_rows(folder / BASELINES / name, answers)
        rows.append({**row, **asked, "predictions": name})
    return rows


def slug(text: str) -> str:
    """A text as a file name."""
    return re.sub(r"[^\w.=-]+", "-", text).strip("-").lower() or "data"
