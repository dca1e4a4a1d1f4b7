"""Show a training and its outcome in a terminal: progress on stderr, answers on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from graft.base import files
from graft.base.durations import duration
from graft.training.observers import Observer, Steps, StudyEvent, event_line, plan_lines

if TYPE_CHECKING:
    from graft.metrics.metric import Metric


def observer(quiet: bool) -> Watcher:
    """Return a live display in a terminal, a line per epoch elsewhere, nothing if quiet."""
    if quiet:
        return Watcher()
    return Live() if sys.stderr.isatty() else Lines()


class Watcher(Observer):
    """Remembers the folder of the current run, to name it if the run is stopped."""

    folder = ""

    def start(self, run: str, spec: dict[str, Any]) -> None:
        self.folder = run

    def close(self) -> None:
        """Leave the terminal as it was."""


class Lines(Watcher):
    """A line per run, note and phase, and per epoch if the last line is older than a pause."""

    PAUSE = 2.0
    """The least seconds between two epochs' lines: epochs on recordings take milliseconds."""
    RECORDING_PAUSE = 10.0
    """Seconds between two lines about a recording; most recordings are faster."""

    def __init__(self) -> None:
        self._unsaid: dict[str, Any] | None = None
        self._said_at = 0.0
        self._recorded_at = 0.0

    def start(self, run: str, spec: dict[str, Any]) -> None:
        super().start(run, spec)
        self.say(f"{spec['technique']} of {spec['backbone']}, seed {spec['seed']}, into {run}")

    def phases(self, names: list[str]) -> None:
        self._flush()
        self.say("phases: " + ", ".join(names))

    def recording(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or not self._recorded_at:
            self._recorded_at = 0.0 if done == total else now
        elif now - self._recorded_at >= self.RECORDING_PAUSE:
            self.say(f"frozen layers: {done:,} of {total:,} examples recorded")
            self._recorded_at = now

    def epoch(self, row: dict[str, Any]) -> None:
        if self._unsaid and self._unsaid["phase"] != row["phase"]:
            self._flush()
        self._unsaid = row
        if time.monotonic() - self._said_at >= self.PAUSE:
            self._flush()

    def note(self, message: str) -> None:
        self.say(f"note: {message}", "yellow")

    def finish(self, result: dict[str, Any]) -> None:
        self._flush()

    def study_plan(self, plan: dict[str, Any]) -> None:
        for line in plan_lines(plan):
            self.say(line)

    def study_event(self, event: StudyEvent) -> None:
        self.say(
            f"{_MARKS[event.state]} {event_line(event)}", "red" if event.state == "failed" else ""
        )

    def say(self, line: str, style: str = "") -> None:
        """Write a line to stderr."""
        typer.echo(line, err=True)

    def _flush(self) -> None:
        if self._unsaid:
            self.say(epoch_line(self._unsaid))
            self._unsaid, self._said_at = None, time.monotonic()


class Live(Lines):
    """The lines, above a progress bar with loss, learning rate, throughput and time left."""

    PAUSE = 15.0

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.text import Text

        class TimeLeft(ProgressColumn):
            """Counts down to the expected end of a study."""

            def render(self, task: Task) -> Text:
                ends = task.fields["ends"]
                return Text("" if ends is None else f"{duration(ends - time.monotonic())} left")

        super().__init__()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TimeLeft(),
            TextColumn("{task.fields[detail]}", style="dim"),
            console=Console(stderr=True, highlight=False),
            transient=True,
        )
        self._metric = ""
        self._bar = self._progress.add_task("reading data", total=None, detail="", ends=None)
        self._progress.start()

    def step(self, steps: Steps) -> None:
        speed = f"{steps.samples_per_second:.0f}/s  {duration(steps.seconds_left)} left"
        detail = f"loss {steps.loss:.3f}{self._metric}  lr {steps.lr:.1e}  {speed}"
        self._progress.update(
            self._bar,
            description=steps.phase,
            completed=steps.done,
            total=steps.total,
            detail=detail,
        )

    def recording(self, done: int, total: int) -> None:
        self._progress.update(
            self._bar,
            description="frozen layers",
            completed=done,
            total=total,
            detail="once per example",
        )

    def epoch(self, row: dict[str, Any]) -> None:
        split = "val" if "val" in row else "held out"
        self._metric = "".join(f"  {split} {metric}" for metric in _first_metric(row))
        super().epoch(row)

    def study_plan(self, plan: dict[str, Any]) -> None:
        super().study_plan(plan)
        self._show_study(plan["finished"], plan["finished"] + plan["runs"], plan["seconds"])

    def study_event(self, event: StudyEvent) -> None:
        super().study_event(event)
        self._show_study(event.done, event.total, event.seconds_left)

    def _show_study(self, done: int, total: int, seconds_left: float | None) -> None:
        ends = None if seconds_left is None else time.monotonic() + seconds_left
        self._progress.update(
            self._bar, description="runs", completed=done, total=total, detail="", ends=ends
        )

    def close(self) -> None:
        self._progress.stop()

    def say(self, line: str, style: str = "") -> None:
        self._progress.console.print(line, style=style or None, markup=False)


_MARKS = {"finished": "✓", "failed": "✗", "skipped": "·"}


def epoch_line(row: Mapping[str, Any]) -> str:
    """Write a row of history.jsonl as a line for a person."""
    words = [f"{row['phase']}, epoch {row['epoch']:g}:"]
    words += [f"{name} loss {value:.3f}" for name, value in row["losses"].items()]
    held_out, values = "validation" if "val" in row else "held-out texts:", _validation(row)
    words += [f"{held_out} loss {values['loss']:.3f}"] if "loss" in values else []
    chosen = [f"{name} {value:.3g}" for name, value in _chosen(row).items()]
    return "  ".join([*words, *_first_metric(row), *chosen, duration(row["train_seconds"])])


def _chosen(row: Mapping[str, Any]) -> dict[str, float]:
    """Return what stands in the row in place of a learning rate, as the strength of a penalty."""
    usual = {"phase", "epoch", "step", "train_seconds", "lr", "losses", "val", "held_out"}
    return {name: value for name, value in row.items() if name not in {*usual, "cosines"}}


def _validation(row: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the metrics of the validation split or, in pretraining, of held-out texts."""
    return row["val"] if "val" in row else row["held_out"]


def _first_metric(row: Mapping[str, Any]) -> list[str]:
    """Write the first metric as `accuracy 94.1 %` or `bits per byte 1.23`, if there is one."""
    from graft.reports import words

    first = [(name, value) for name, value in _validation(row).items() if name != "loss"][:1]
    shown = [(_metric(name, {}), value) for name, value in first]
    return [f"{metric.words} {words.format_value(metric, value)}" for metric, value in shown]


def size(count: float) -> str:
    """Write a number of bytes in a suitable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")


def answer_json(value: Any) -> None:
    """Write JSON to stdout."""
    typer.echo(files.json_text(value, indent=2))


def names(rows: Sequence[tuple[str, str]], indent: str = "") -> None:
    """Write two aligned columns to stdout: names and descriptions."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, what in rows:
        typer.echo(f"{indent}{name:<{width}}  {what}".rstrip())


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", texts: Sequence[str] = ()
) -> None:
    """Write a table to stdout; the first column and `texts` are text, the others are numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(header):
        is_text = i == 0 or name in texts
        grid.add_column(name, justify="left" if is_text else "right", overflow="fold")
    for row in rows:
        grid.add_row(*row)
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)
    with console.capture() as text:
        console.print(grid)
    typer.echo(text.get(), nl=False)  # rich itself would end the process if the pipe is closed


def format_score(metric: Metric, score: Mapping[str, Any]) -> str:
    """Write a score: `94.1 % (90.2 to 97.4)`, `1.23 (1.19 to 1.27)`, `undefined`."""
    from graft.reports import words

    value = words.format_value(metric, score["value"])
    if not words.is_known(score["value"]):
        return value
    return f"{value} ({words.values(metric, score['low'], score['high'])})"


def metrics(scores: Mapping[str, Mapping[str, Any]], where: str, units: Mapping[str, str]) -> None:
    """A row a metric, with its interval, in the unit that it has; why some are undefined."""
    from graft.reports import words

    rows = []
    for name, score in scores.items():
        metric = _metric(name, units)
        rows.append([metric.words, format_score(metric, score)])
    table([where, "with its 95 % interval"], rows)
    undefined = [_metric(name, units) for name, score in scores.items() if "undefined" in score]
    for reason in words.why_undefined(undefined):
        typer.echo(f"note: {reason}")


def _metric(name: str, units: Mapping[str, str]) -> Metric:
    from graft.metrics.find import find_or_assume

    return replace(find_or_assume(name), unit=units.get(name, ""))


def result(folder: str, outcome: Mapping[str, Any]) -> None:
    """Show the outcome of one run."""
    from graft.reports import words
    from graft.reports.forgetting import write_forgetting
    from graft.tasks.specs.several import name_of

    cost, frozen, units = outcome["cost"], outcome["frozen"], outcome.get("units", {})
    primary = _metric(outcome["primary_metric"], units)
    counts = ", ".join(f"{count} {split}" for split, count in outcome["data"]["counts"].items())
    typer.echo(f"\n{outcome['technique']} of {outcome['backbone']} on {counts}")
    metrics(outcome["metrics"]["test"], "on the test split", units)
    if forgotten := outcome.get("forgetting"):
        typer.echo(write_forgetting(forgotten))
    for name, scores in outcome["baseline"].items():
        score = format_score(primary, scores[primary.name])
        typer.echo(f"trivial baseline {name}: {primary.words} {score}")
    typer.echo(
        f"training took {duration(cost['train_seconds'])}; {cost['trainable_parameters']:,} of "
        f"{cost['total_parameters']:,} parameters trained; "
        f"model of {words.megabytes(cost['model_mb'])}{_example_time(cost)}"
    )
    if frozen["tensors"]:
        unchanged, changed = "unchanged, by their hashes", "CHANGED: do not trust this run"
        kept = unchanged if frozen["unchanged"] else changed
        typer.echo(f"{frozen['tensors']} frozen tensors: {kept}")
    if cut := words.cut_samples(outcome["data"]):
        typer.echo(f"note: {cut} See: graft info {name_of(outcome['task'])}")
    if unknown := words.unknown_tokens(outcome["data"]):
        typer.echo(f"note: {unknown}")
    for warning in outcome["warnings"]:
        typer.echo(f"note: {warning}")
    typer.echo(f"\nrun: {folder}\nnext: graft predict {folder} INPUT")


def _example_time(cost: Mapping[str, Any]) -> str:
    """The time of one example through the network; nothing for runs that did not measure it."""
    return f", {cost['example_ms']:.3g} ms an example" if "example_ms" in cost else ""
