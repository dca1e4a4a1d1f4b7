"""Who is told how a training goes: the terminal, the log file, a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Observer:
    """Told of everything, does nothing. Override what you want to hear."""

    def start(self, run: str, spec: dict[str, Any]) -> None:
        """A run starts or goes on: its folder, and its spec.json."""

    def phases(self, names: list[str]) -> None:
        """The phases that come next, in order."""

    def step(
        self, phase: str, done: int, total: int, loss: float, lr: float, samples_per_second: float, seconds_left: float
    ) -> None:
        """Some steps were done, `done` of `total` of this phase."""

    def recording(self, done: int, total: int) -> None:
        """What enters the layers that train was recorded, of `done` of `total` examples."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch ended; `row` is its line of history.jsonl."""

    def note(self, message: str) -> None:
        """Something that a person may want to know."""

    def finish(self, result: dict[str, Any]) -> None:
        """The run is finished; `result` is its result.json."""

    def study_event(self, done: int, total: int, name: str, state: str, message: str) -> None:
        """A run of a study started, finished, failed or was skipped; `done` of `total` have ended."""


class LogFile(Observer):
    """Writes what happens to a text file, and tells the next observer."""

    def __init__(self, path: Path, then: Observer):
        self.path, self.then = path, then

    def _write(self, line: str) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def start(self, run: str, spec: dict[str, Any]) -> None:
        self._write(
            f"run {spec['hash']}: {spec['technique']} of {spec['backbone']} on {spec['data']['path']}, seed {spec['seed']}"
        )
        self.then.start(run, spec)

    def phases(self, names: list[str]) -> None:
        self._write(f"phases: {', '.join(names)}")
        self.then.phases(names)

    def step(
        self, phase: str, done: int, total: int, loss: float, lr: float, samples_per_second: float, seconds_left: float
    ) -> None:
        self.then.step(phase, done, total, loss, lr, samples_per_second, seconds_left)

    def recording(self, done: int, total: int) -> None:
        self.then.recording(done, total)

    def epoch(self, row: dict[str, Any]) -> None:
        losses = " ".join(f"{name} {value:.4f}" for name, value in row["losses"].items())
        split = "val" if "val" in row else "held_out"
        found = " ".join(f"{name} {value:.4f}" for name, value in row[split].items())
        at = f"{row['phase']} epoch {row['epoch']:g} step {row['step']}"
        self._write(f"{at} train: {losses} {split}: {found} ({row['train_seconds']:.1f} s)")
        self.then.epoch(row)

    def note(self, message: str) -> None:
        self._write(message)
        self.then.note(message)

    def finish(self, result: dict[str, Any]) -> None:
        self._write("finished")
        self.then.finish(result)
