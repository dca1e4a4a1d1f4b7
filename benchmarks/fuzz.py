"""Damage small data sets of every format, run `graft check` on each, and count the outcomes.

    python benchmarks/fuzz.py              # 10,000 damaged data sets; writes benchmarks/fuzz.md
    python benchmarks/fuzz.py --only 4711  # one case again, kept in WORK/4711, with its traceback

Each format first writes one data set for each kind of data that it can hold. A case takes one of
these data sets, damages one file of it (`mutations.py`) and runs `graft check`, with text or JSON
output. The outcome is one of these:

- answer: the exit code is 0 or 1. The JSON is consistent. Harmless damage (a byte-order mark, other
  line ends, another Unicode encoding, blank lines at the end) changes neither the kind, nor the
  classes, nor the number of samples.
- refused: an error message that says how to fix the data.
- wrong: the answer is inconsistent, or harmless damage changes it, or all samples of the damaged
  file are missing and no finding names the file.
- traceback, hang, crash: any other exception; more than 20 seconds; the end of the process.

All cases run in one process, on one thread; a new process follows a crash or a hang that cannot be
interrupted. Case N does not depend on the cases before it. Results are appended to
WORK/results.jsonl, so a second start continues where the first one stopped.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import itertools
import json
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from mutations import MUTATIONS, fitting
from PIL import Image
from typer.testing import CliRunner

from graft.base import plugins
from graft.base.errors import DataError, GraftError
from graft.cli.main import app
from graft.data.kinds.kind import kind_named

TABLE = Path(__file__).with_suffix(".md")
CASES = 10_000
LIMIT_SECONDS = 20.0
"""The time limit of a check; most checks take about 20 milliseconds."""
MEMORY_BYTES = 24 * 2**30
"""The address space of the process, with its libraries.

A damaged header may ask for a huge allocation; under this limit it fails at once.
"""
OUTCOMES = ("answer", "refused", "wrong", "traceback", "hang", "crash")
PICTURES = ("jpg", "png", "gif", "bmp", "tif", "webp", "ppm")

INTRODUCTION = """# Damaged data

Printed by `python benchmarks/fuzz.py`, whose docstring describes the method. Small data sets of
every format were damaged, one file each, and read by `graft check`. An answer is checked as far as
a program can; a refusal is an error message in a sentence. Nothing else may come out.
"""


class Hang(BaseException):
    """A check took too long. It is no Exception, so that no `except Exception` catches it."""


def write_seeds(folder: Path) -> dict[str, list[Path]]:
    """Write one data set for each format and each kind of data that it can hold."""
    seeds: dict[str, list[Path]] = {}
    for name in plugins.names("format"):
        writer = plugins.load("format", name)()
        for kind in plugins.names("kind"):
            for case, data in kind_named(kind).tiny().items():
                target = folder / name / f"{kind}-{case}"
                try:
                    writer.write_tiny(data, target)
                except DataError:
                    shutil.rmtree(target, ignore_errors=True)
                else:
                    seeds.setdefault(name, []).append(target)
    seeds["image-folder"] += [
        write_pictures(folder / "image-folder" / suffix, suffix) for suffix in PICTURES
    ]
    seeds["csv"] += [
        write_picture_table(folder / "csv" / "pictures"),
        write_numbered(folder / "csv" / "numbered"),
    ]
    return seeds


def write_pictures(folder: Path, suffix: str) -> Path:
    """Write two class folders of noisy pictures in one file format."""
    for number, label in itertools.product(range(8), ("ant", "bee")):
        file = folder / label / f"{number}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.Random(f"{number} {label}").randbytes(3 * 40 * 36)
        Image.frombytes("RGB", (40, 36), pixels).save(file)
    return folder


def write_picture_table(folder: Path) -> Path:
    """Write pictures, and a table of their file names and labels."""
    write_pictures(folder, "jpg")
    rows = [
        f"{file.relative_to(folder).as_posix()},{file.parent.name}"
        for file in sorted(folder.glob("*/*"))
    ]
    (folder / "pictures.csv").write_text("\n".join(["file,label", *rows]) + "\n")
    return folder


def write_numbered(folder: Path) -> Path:
    """Write a table whose labels are numbers, and the names of the classes in classes.json."""
    folder.mkdir(parents=True)
    rows = [f"number {number} of the texts,{number % 3}" for number in range(24)]
    (folder / "samples.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (folder / "classes.json").write_text(json.dumps(["red", "green", "blue"]))
    return folder


def make_case(number: int, seeds: dict[str, list[Path]], folder: Path) -> dict[str, Any]:
    """Write the damaged data set of this number; return the damage and the arguments."""
    rng = random.Random(f"fuzz {number}")
    name = rng.choice(sorted(seeds))
    seed = rng.choice(seeds[name])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(seed, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    file = rng.choice(files)
    mutation = rng.choice(fitting(file))
    file.write_bytes(MUTATIONS[mutation].damage(file.read_bytes(), rng))
    is_alone = len(files) == 1 and rng.random() < 0.5
    case = {
        "number": number,
        "format": name,
        "seed": seed.name,
        "file": file.relative_to(folder).as_posix(),
    }
    target = file if is_alone else folder
    # Pairs of texts also suit summarization, so `graft check` needs to be told the task.
    task = ["--task", "translation"] if seed.name.startswith("pairs-") else []
    arguments = [str(target), *task, *(["--json"] if rng.random() < 0.7 else [])]
    return {**case, "mutation": mutation, "arguments": arguments}


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise Hang when the time is over; end the process if a library does not let Hang through."""

    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + LIMIT_SECONDS, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def check(arguments: Sequence[str]) -> dict[str, Any]:
    """Run `graft check`; return the outcome with the answer or the error message."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with time_limit(LIMIT_SECONDS):
                result = CliRunner().invoke(app, ["--debug", "check", *arguments])
        except Hang as hang:
            return {"outcome": "hang", "where": place(hang.__traceback__)}
    found: dict[str, Any] = {
        "warnings": sorted({f"{w.category.__name__}: {w.message}" for w in caught})
    }
    error = result.exception
    if error is None or isinstance(error, SystemExit):
        return {**found, "outcome": "answer", "answer": result.stdout}
    outcome = "refused" if isinstance(error, GraftError) else "traceback"
    where = place(error.__traceback__)
    return {
        **found,
        "outcome": outcome,
        "words": f"{type(error).__name__}: {error}",
        "where": where,
        "error": error,
    }


def place(trace: TracebackType | None) -> str:
    """Return the last line of Graft's own code in a traceback."""
    frames = [frame for frame in traceback.extract_tb(trace) if "/graft/" in frame.filename]
    last = frames[-1] if frames else None
    return (
        f"{last.filename.rpartition('/graft/')[2]}:{last.lineno} {last.name}" if last else "outside"
    )


def problem_of(
    answer: dict[str, Any], whole: dict[str, Any], file: str, is_harmless: bool
) -> str | None:
    """Return what is wrong with an answer; `whole` is the answer on the undamaged data set."""
    classes = {name for split in answer["splits"].values() for name in split["classes"]}
    if classes != set(answer["classes"]):
        return "the classes of the splits are not those of the data"
    unlike = [key for key in ("kind", "classes", "splits") if answer[key] != whole[key]]
    if is_harmless and unlike:
        return f"the damage is none, but changes {', '.join(unlike)}"
    split = next((part for part in re.split(r"[-./]", file) if part in whole["splits"]), "")
    is_named = any(Path(file).name in finding["message"] for finding in answer["findings"])
    lost = count_samples(whole) - count_samples(answer)
    if split and not is_named and lost >= whole["splits"][split]["samples"]:
        return f"the samples of {split} are missing in silence"
    return None


def count_samples(answer: dict[str, Any]) -> int:
    """Count the samples of all splits."""
    return sum(split["samples"] for split in answer["splits"].values())


class Campaign:
    """The cases of one process, with the undamaged data sets and the answers on them."""

    def __init__(self, work: Path):
        self.work = work
        shutil.rmtree(work / "seeds", ignore_errors=True)
        self.seeds = write_seeds(work / "seeds")
        self._whole: dict[tuple[str, ...], dict[str, Any] | None] = {}
        # Every check needs this import. It loads torch, which may take longer than the time limit.
        importlib.import_module("graft.api")

    def run(self, number: int, folder: Path) -> dict[str, Any]:
        """Run one case and return its row of the results."""
        case = make_case(number, self.seeds, folder)
        start = time.perf_counter()
        found = check(case["arguments"])
        seconds = round(time.perf_counter() - start, 4)
        printed = found.pop("answer", None)
        if (
            printed is not None
            and "--json" in case["arguments"]
            and (whole := self.whole(case, folder))
        ):
            answer, is_harmless = json.loads(printed), MUTATIONS[case["mutation"]].is_harmless
            problem = problem_of(answer, whole, case["file"], is_harmless)
            found |= {"samples": [count_samples(answer), count_samples(whole)]}
            found |= {"outcome": "wrong", "words": problem} if problem else {}
        del case["arguments"]
        return {**case, **found, "seconds": seconds}

    def whole(self, case: dict[str, Any], folder: Path) -> dict[str, Any] | None:
        """Return the answer on the undamaged data set, with the same options; None if refused."""
        damaged, *options = case["arguments"]
        path = (
            self.work / "seeds" / case["format"] / case["seed"] / Path(damaged).relative_to(folder)
        )
        arguments = (str(path), *options)
        if arguments not in self._whole:
            found = check(arguments)
            self._whole[arguments] = json.loads(found["answer"]) if "answer" in found else None
        return self._whole[arguments]


def work_through(work: Path, first: int, cases: int) -> None:
    """Run the cases from `first` on; append each row to the results at once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))
    campaign = Campaign(work)
    with open(work / "results.jsonl", "a", encoding="utf-8") as file:
        for number in range(first, cases):
            row = campaign.run(number, work / "case")
            row.pop("error", None)
            file.write(json.dumps(row) + "\n")
            file.flush()


def run_all(work: Path, cases: int) -> list[dict[str, Any]]:
    """Run all cases that have no result yet; return the rows of all cases."""
    work.mkdir(parents=True, exist_ok=True)
    results = work / "results.jsonl"
    while len(rows := read_rows(results)) < cases:
        command = [
            sys.executable,
            __file__,
            "--work",
            str(work),
            "--cases",
            str(cases),
            "--from",
            str(len(rows)),
        ]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0:
            continue
        is_hang = "Timeout (" in done.stderr
        if done.returncode > 0 and not is_hang:
            sys.exit(done.stderr)
        rows = read_rows(results)
        case = make_case(len(rows), write_seeds(work / "seeds"), work / "case")
        row = {
            **case,
            "outcome": "hang" if is_hang else "crash",
            "words": done.stderr[-2000:],
            "seconds": 0,
        }
        with open(results, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return rows[:cases]


def read_rows(results: Path) -> list[dict[str, Any]]:
    """Read the complete rows; a process may have been killed while it wrote the last one."""
    lines = results.read_text(encoding="utf-8").split("\n") if results.exists() else [""]
    if lines[-1]:
        results.write_text("".join(line + "\n" for line in lines[:-1]), encoding="utf-8")
    return [json.loads(line) for line in lines[:-1]]


def table(rows: Sequence[dict[str, Any]], key: str, title: str) -> list[str]:
    """Return a Markdown table of the outcomes by format or by mutation."""
    lines = [
        f"| {title} | cases | {' | '.join(OUTCOMES)} |",
        "| --- |" + " ---: |" * (len(OUTCOMES) + 1),
    ]
    for name in [*sorted({row[key] for row in rows}), ""]:
        counts = Counter(row["outcome"] for row in rows if row[key] == name or not name)
        cells = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        lines.append(f"| {name or 'all'} | {counts.total():,} | {cells} |")
    return [*lines, ""]


def report(rows: Sequence[dict[str, Any]]) -> str:
    """Return the page in Markdown."""
    seconds = sum(row["seconds"] for row in rows)
    slowest = max(row["seconds"] for row in rows)
    warned = sum(bool(row.get("warnings")) for row in rows)
    words = (
        f"{len(rows):,} data sets were checked in {seconds / 60:.1f} minutes on one thread; "
        f"the slowest took {slowest:.1f} s. "
        f"In {warned:,} of them a library wrote a warning of its own."
    )
    return "\n".join(
        [
            INTRODUCTION,
            words,
            "",
            *table(rows, "format", "format"),
            *table(rows, "mutation", "damage"),
        ]
    )


def faults(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each place that gave neither an answer nor a refusal, with one case."""
    places: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["outcome"] not in ("answer", "refused"):
            words = row.get("words") or ""
            places.setdefault(
                f"{row['outcome']} {row.get('where', '')} {words.split(':')[0]}", []
            ).append(row)
    return [
        f"{len(part):>5}  {name}  "
        f"(--only {part[0]['number']}: {part[0]['format']}, {part[0]['mutation']}) "
        + (part[0].get("words") or "")[:150]
        for name, part in sorted(places.items(), key=lambda item: -len(item[1]))
    ]


def show(work: Path, number: int) -> None:
    """Run one case again and print its traceback; its data stay in the folder of its number."""
    row = Campaign(work).run(number, work / str(number))
    if error := row.pop("error", None):
        traceback.print_exception(error)
    print(json.dumps(row, indent=2))


def main() -> None:
    """Run the cases that are missing, print what went wrong, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases",
        type=int,
        default=CASES,
        help="How many; the table is written of the usual number only.",
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "graft-fuzz")
    parser.add_argument("--only", type=int, help="The number of one case.")
    parser.add_argument("--from", type=int, dest="first", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.first is not None:
        work_through(asked.work, asked.first, asked.cases)
    elif asked.only is not None:
        show(asked.work, asked.only)
    else:
        rows = run_all(asked.work, asked.cases)
        print(text := report(rows))
        print("\n".join(lines := faults(rows)))
        if asked.cases == CASES:
            TABLE.write_text(text.rstrip() + "\n", encoding="utf-8")
        sys.exit(bool(lines))


if __name__ == "__main__":
    main()
