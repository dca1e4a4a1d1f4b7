"""Observers of a training: the terminal, the log file, a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.base import files
from graft.base.durations import duration


@dataclass(frozen=True)
class StudyEvent:
    """The outcome of one run of a study, of which `done` of `total` have now ended."""

    done: int
    total: int
    name: str
    state: str
    """`finished`, `failed`, or `skipped` where it was finished before."""
    message: str
    seconds_left: float | None = None
    """About how long the others still take; None if there are none, or nothing is known."""


@dataclass(frozen=True)
class Steps:
    """The progress of a phase after some steps."""

    phase: str
    done: int
    total: int
    loss: float
    lr: float
    samples_per_second: float
    seconds_left: float


class Observer:
    """Receives all events and does nothing. Override the events that you need."""

    def start(self, run: str, spec: dict[str, Any]) -> None:
        """A run starts or goes on: its folder, and its spec.json."""

    def phases(self, names: list[str]) -> None:
        """The phases that come next, in order."""

    def step(self, steps: Steps) -> None:
        """Some more steps of a phase were done."""

    def recording(self, done: int, total: int) -> None:
        """The inputs of the layers that train were recorded for `done` of `total` examples."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch ended; `row` is its line of history.jsonl."""

    def note(self, message: str) -> None:
        """Something that a person may want to know."""

    def finish(self, result: dict[str, Any]) -> None:
        """The run is finished; `result` is its result.json."""

    def study_plan(self, plan: dict[str, Any]) -> None:
        """A study is about to start; `plan` is its `graft.studies.plan.StudyPlan` as JSON."""

    def study_event(self, event: StudyEvent) -> None:
        """A run of a study ended, or had ended before."""


class LogFile(Observer):
    """Writes what happens to a text file, and tells the next observer."""

    def __init__(self, path: Path, then: Observer):
        self.path, self.then = path, then

    def _write(self, line: str) -> None:
        files.append(self.path, line)

    def start(self, run: str, spec: dict[str, Any]) -> None:
        self._write(
            f"run {spec['hash']}: {spec['technique']} of {spec['backbone']} on "
            f"{spec['data']['path']}, seed {spec['seed']}"
        )
        self.then.start(run, spec)

    def phases(self, names: list[str]) -> None:
        self._write(f"phases: {', '.join(names)}")
        self.then.phases(names)

    def step(self, steps: Steps) -> None:
        self.then.step(steps)

    def recording(self, done: int, total: int) -> None:
        self.then.recording(done, total)

    def epoch(self, row: dict[str, Any]) -> None:
        losses = " ".join(f"{name} {value:.4f}" for name, value in row["losses"].items())
        split = "val" if "val" in row else "held_out"
        metrics = " ".join(f"{name} {value:.4f}" for name, value in row[split].items())
        at = f"{row['phase']} epoch {row['epoch']:g} step {row['step']}"
        self._write(f"{at} train: {losses} {split}: {metrics} ({row['train_seconds']:.1f} s)")
        self.then.epoch(row)

    def note(self, message: str) -> None:
        self._write(message)
        self.then.note(message)

    def finish(self, result: dict[str, Any]) -> None:
        self._write("finished")
        self.then.finish(result)

    def study_plan(self, plan: dict[str, Any]) -> None:
        for line in plan_lines(plan):
            self._write(line)
        self.then.study_plan(plan)

    def study_event(self, event: StudyEvent) -> None:
        self._write(event_line(event))
        self.then.study_event(event)


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """Say what a study will do and how long it takes; one line if it is short."""
    if not plan["savings"]:
        return [total_line(plan)]
    return [total_line(plan), *map(_cell_line, plan["cells"]), savings_line(plan)]


def total_line(plan: dict[str, Any]) -> str:
    """Say how many runs a study will make, and how long they take."""
    if not plan["runs"]:
        return "All runs are finished."
    jobs = f"{plan['jobs']} at a time" if plan["jobs"] > 1 else "one at a time"
    before = f" ({plan['finished']} finished before)" if plan["finished"] else ""
    runs = f"{plan['runs']} run{'s' * (plan['runs'] > 1)}"
    return f"{runs}{before}, {jobs}: about {duration(plan['seconds'])} in all."


def _cell_line(cell: dict[str, Any]) -> str:
    takes = "unknown" if cell["seconds"] is None else f"{duration(cell['seconds'])} of computing"
    runs = f"{cell['runs']} run{'s' * (cell['runs'] > 1)}"
    return f"  {cell['technique']} of {cell['backbone'].rpartition(':')[2]}, {runs}: {takes}"


def savings_line(plan: dict[str, Any]) -> str:
    """Say what would shorten a study."""
    ways = [f"{saving['what']}, {duration(saving['seconds'])} less" for saving in plan["savings"]]
    return f"What would shorten it: {'; '.join(ways)}."


def event_line(event: StudyEvent) -> str:
    """One line about a run that ended, with the time that is left."""
    remaining = "" if event.seconds_left is None else f"; about {duration(event.seconds_left)} left"
    return f"{event.done}/{event.total} {event.name}: {event.message}{remaining}"
