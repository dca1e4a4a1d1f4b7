"""Estimate how long a study takes, what would shorten it, and how much time remains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from graft.base import env
from graft.base.errors import GraftError
from graft.data.data import Data
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.executors import share_of_cores
from graft.studies.question import Question, baseline_questions
from graft.studies.records import read_study
from graft.studies.run import estimate_run, is_finished
from graft.studies.spec import RunSpec
from graft.tasks.specs.options import parse, read_task
from graft.tasks.task import Task
from graft.techniques.specs.combine import control_named
from graft.training.engine import threads
from graft.training.feeds.streams import default_epochs
from graft.training.loop.estimate import PhaseEstimate, RunEstimate
from graft.training.observers import Observer

BASELINE_ROWS = (64, 192)
"""Examples of training and test together that the baselines are tried on: few, and more."""
LONG = 120.0
"""For a study of more seconds than this, the plan says what would shorten it."""
WORTH = 0.1
"""A suggestion must save more than this share of the study's time."""
FEW_EPOCHS = 3


@dataclass(frozen=True)
class CellPlan:
    """The runs of one technique on one backbone that are not finished."""

    technique: str
    backbone: str
    runs: int
    seconds: float | None
    """All of them in turn; None if trying the technique failed, as its runs then will."""


@dataclass(frozen=True)
class Saving:
    """One way to shorten a study."""

    what: str
    """In words: `with --seeds 2`, `without full-fine-tuning`."""
    seconds: float


@dataclass(frozen=True)
class StudyPlan:
    """The plan of a study, and how long it takes on this machine now."""

    runs: int
    """The runs that are not finished."""
    finished: int
    jobs: int
    seconds: float
    """The time from start to report, with `jobs` runs at a time."""
    baselines_seconds: float
    cells: tuple[CellPlan, ...]
    savings: tuple[Saving, ...]
    """What would shorten it, starting with what saves most."""
    run_seconds: dict[str, float]
    """The hash of each unfinished run -> its share of the seconds."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_study(
    question: Question, data: Data, folder: Path, jobs: int, observer: Observer
) -> StudyPlan:
    """Try each technique on each backbone for a few steps; nothing is written."""
    specs = question.runs()
    open_specs = [spec for spec in specs if not is_finished(folder / "runs" / spec.hash)]
    if open_specs:
        observer.note("Trying each technique for a few steps, to say how long this takes.")
    with threads(threads_of(question, folder, jobs)):
        tried = _try_each(open_specs, data)
        baselines = sum(not answers for _, answers in baseline_questions(question, folder))
        baseline_seconds = baselines * _baseline_seconds(question.base, data) if baselines else 0.0
    jobs = max(1, min(jobs, len(open_specs)))
    seconds = _run_seconds(open_specs, tried, data)
    cells = tuple(
        _cell(*cell, open_specs, seconds if estimate else None) for cell, estimate in tried.items()
    )
    whole = baseline_seconds + max(sum(seconds.values()) / jobs, max(seconds.values(), default=0.0))
    sizes = {"runs": len(open_specs), "finished": len(specs) - len(open_specs), "jobs": jobs}
    plan = StudyPlan(
        **sizes,
        seconds=whole,
        baselines_seconds=baseline_seconds,
        cells=cells,
        savings=(),
        run_seconds=seconds,
    )
    return replace(plan, savings=tuple(_savings(question, plan, tried)))


def threads_of(question: Question, folder: Path, jobs: int) -> int:
    """Return the threads per run: as when the study began; for a new one, a share of the cores."""
    hashes = [spec.hash for spec in question.runs()]
    if (folder / "study.json").exists():
        began = read_study(folder)
        if began["runs"] == hashes and "threads" in began:
            return began["threads"]
    return share_of_cores(min(jobs, len(hashes)))


def _cell(
    technique: str, backbone: str, specs: Sequence[RunSpec], seconds: dict[str, float] | None
) -> CellPlan:
    hashes = [
        spec.hash for spec in specs if (spec.technique, spec.backbone) == (technique, backbone)
    ]
    return CellPlan(
        technique,
        backbone,
        len(hashes),
        None if seconds is None else sum(seconds[name] for name in hashes),
    )


Tried = dict[tuple[str, str], RunEstimate | None]
"""(technique, backbone) -> the estimate of a run on the largest fraction of the study."""


def _try_each(specs: Sequence[RunSpec], data: Data) -> Tried:
    tried: Tried = {}
    for spec in sorted(specs, key=lambda spec: -spec.fraction):
        cell = (spec.technique, spec.backbone)
        if cell not in tried:
            tried[cell] = None
            # The run itself will report the error, and the other runs continue.
            with suppress(Exception):
                tried[cell] = estimate_run(spec, data)
            env.give_back_freed_memory()
    return {cell: tried[cell] for cell in dict.fromkeys((s.technique, s.backbone) for s in specs)}


def _run_seconds(specs: Sequence[RunSpec], tried: Tried, data: Data) -> dict[str, float]:
    """The seconds of each run; a recording that runs share is counted for the first of them."""
    largest = max((spec.fraction for spec in specs), default=1.0)
    shared: set[tuple[str, str]] = set()
    seconds = {}
    for spec in specs:
        estimate = tried[spec.technique, spec.backbone]
        if estimate is None:
            seconds[spec.hash] = 0.0
            continue
        share = _passes(spec, data) / _passes(replace(spec, fraction=largest), data)
        recorded = 0.0
        if spec.fraction == 1.0 and spec.shots is None:  # else seeds draw their own examples
            keys = {(spec.backbone, key) for key in estimate.recordings}
            recorded = sum(estimate.recordings[key] for backbone, key in keys & shared)
            shared |= keys
        whole = (
            estimate.training_seconds * share + estimate.evaluation_seconds + estimate.other_seconds
        )
        seconds[spec.hash] = max(whole - recorded, 0.0)
    return seconds


def _passes(spec: RunSpec, data: Data) -> float:
    """Return the passes over an example, up to a factor that all fractions share."""
    examples = max(1.0, len(data.splits["train"]) * spec.fraction)
    budget = parse(spec.task)[0].budget
    return examples * (spec.epochs or default_epochs(round(examples), budget))


def _baseline_seconds(base: RunSpec, data: Data) -> float:
    """The time of all baselines, extrapolated from that on a few examples and on more of them."""
    data = subsample(data, shots=base.shots, seed=base.seed)
    task = read_task(base.task, data, weighted=base.weighted)
    whole = len(data.splits["train"]) + len(data.splits["test"])
    few, more = (min(rows, whole) for rows in BASELINE_ROWS)
    try:
        _time_baselines(task, data, few / whole)  # the first call imports what they need
        short, long = (_time_baselines(task, data, rows / whole) for rows in (few, more))
    except (GraftError, ValueError):  # a few examples may be too few for a baseline
        return 0.0
    each = max(0.0, long - short) / max(1, more - few)
    return long + each * (whole - more)


def _time_baselines(task: Task, data: Data, share: float) -> float:
    """The seconds of all baselines on a share of training and test."""
    part = {
        split: _spread(samples, round(share * len(samples)))
        for split, samples in data.splits.items()
    }
    started = time.perf_counter()
    run_baselines(task, data.with_splits(part))
    return time.perf_counter() - started


def _spread(samples: Sequence[Any], count: int) -> list[Any]:
    """`count` samples from all over the split, at least one: the first ones may be of one class."""
    step = max(1, len(samples) // max(1, count))
    return list(samples[::step])[: max(1, count)]


def _savings(question: Question, plan: StudyPlan, tried: Tried) -> list[Saving]:
    """List what would shorten a long study, starting with what saves most."""
    if plan.seconds < LONG:
        return []
    savings = [
        _drop_technique(plan),
        _drop_seed(question, plan),
        _cut_epochs(question, plan, tried),
    ]
    large = [saving for saving in savings if saving and saving.seconds > WORTH * plan.seconds]
    return sorted(large, key=lambda saving: -saving.seconds)


def _drop_technique(plan: StudyPlan) -> Saving | None:
    """Leave out the slowest technique, if another one besides the control remains."""
    seconds: dict[str, float] = {}
    for cell in plan.cells:
        if control_named(cell.technique) is None:
            seconds[cell.technique] = seconds.get(cell.technique, 0.0) + (cell.seconds or 0.0)
    slowest = max(seconds, key=lambda technique: seconds[technique], default="")
    return Saving(f"without {slowest}", seconds[slowest] / plan.jobs) if len(seconds) > 1 else None


def _drop_seed(question: Question, plan: StudyPlan) -> Saving | None:
    """Leave out the last seed, if at least two remain: a single one yields no verdict."""
    count = len(question.seeds) - 1
    if count < 2:
        return None
    last = [run.hash for run in question.runs() if run.seed == question.seeds[-1]]
    seconds = sum(plan.run_seconds.get(name, 0.0) for name in last) / plan.jobs
    return Saving(
        f"with --seeds {count}" + (" (the verdict then carries a caution)" if count == 2 else ""),
        seconds,
    )


def _cut_epochs(question: Question, plan: StudyPlan, tried: Tried) -> Saving | None:
    """Train for a few epochs instead of the usual number."""
    if question.base.epochs is not None:
        return None
    seconds = 0.0
    for cell in plan.cells:
        estimate = tried[cell.technique, cell.backbone]
        if estimate:
            seconds += cell.runs * sum(_seconds_saved(phase) for phase in estimate.phases)
    return Saving(f"with --epochs {FEW_EPOCHS}", seconds / plan.jobs)


def _seconds_saved(phase: PhaseEstimate) -> float:
    """The seconds by which `FEW_EPOCHS` shorten a phase."""
    if phase.has_own_epochs or not phase.epochs or phase.epochs <= FEW_EPOCHS:
        return 0.0
    return (phase.seconds - phase.recording_seconds) * (1 - FEW_EPOCHS / phase.epochs)


class Remaining:
    """The time that a study still takes, from its plan and its pace so far."""

    def __init__(self, plan: StudyPlan):
        self._plan = plan
        self._left = dict(plan.run_seconds)
        self._done = 0.0
        self._started = time.perf_counter()

    def end(self, name: str, failed: bool) -> float:
        """Count the run of that hash as ended, and return the seconds that the others take.

        A failed run says nothing about the pace.
        """
        seconds = self._left.pop(name, 0.0)
        self._done += 0.0 if failed else seconds
        remaining = sum(self._left.values())
        # The other runs at work now are half done on average.
        half = sum(list(self._left.values())[: self._plan.jobs - 1]) / 2
        if not self._done:
            return remaining / self._plan.jobs
        return (remaining - half) * (time.perf_counter() - self._started) / (self._done + half)
