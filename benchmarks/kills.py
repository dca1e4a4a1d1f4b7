"""Kill runs at random moments, resume them, and compare the results with an uninterrupted run.

    python benchmarks/kills.py    # 200 kills over eight kinds of runs; writes benchmarks/kills.md
    python benchmarks/kills.py --kills 10 --only "speech recognition"    # only prints its table

Every run is a real process that gets a real SIGKILL. Half of the moments are uniform over the
duration of the uninterrupted run; at the others the run is about to change the disk, when it
records, evicts, writes a checkpoint or saves. Checkpoints are written after each step. After a kill
the run is resumed, and some runs are killed once more. In the end weights, metrics, predictions and
history are compared bit by bit with those of the uninterrupted run.

Results are appended to WORK/results.jsonl, so a second start continues where the first one stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil

TABLE = Path(__file__).with_suffix(".md")
KILLS = 200
LIBRARIES = (
    "graft.api",
    "peft",
    "timm",
    "torchvision",
    "transformers.models.bart.modeling_bart",
    "transformers.models.bert.modeling_bert",
    "transformers.models.hubert.modeling_hubert",
    "transformers.models.llama.modeling_llama",
    "transformers.models.whisper.modeling_whisper",
)
"""The fork server imports these modules once, so that a run starts in milliseconds."""

INTRODUCTION = """# Runs that are killed and resumed

Printed by `python benchmarks/kills.py`, whose docstring describes the method. "The same" means that
weights, metrics, predictions and history are equal bit by bit, that no half-written file is left
behind, and that the status is finished.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of run on tiny data."""

    task: str
    backbone: str
    techniques: tuple[str, ...]
    epochs: float
    jobs: int = 0
    """If more than 0, the run is a study with that many runs at a time."""
    share: float = 1.0
    """Its share of the kills, relative to the other kinds: a study takes longest."""
    cache_gb: float = 1.0


KINDS = {
    "early stop": Kind(
        "text-classification", "tiny:bert", ("full-fine-tuning:lr=0.05,patience=2",), 12
    ),
    "recordings and their eviction": Kind(
        "image-classification",
        "tiny:efficientnet",
        ("feature-extraction:epochs=2 then partial-fine-tuning:from_group=-1",),
        6,
        cache_gb=3e-5,
    ),
    "a then b": Kind(
        "text-classification",
        "tiny:bert",
        (
            "masked-language-modeling:epochs=2 then lora:r=2,epochs=2 "
            "then full-fine-tuning + l2-sp:weight=0.1",
        ),
        2,
    ),
    "a + b": Kind(
        "image-classification",
        "tiny:cnn",
        ("full-fine-tuning:batch_norm=updated + l2-sp:weight=0.1",),
        8,
    ),
    "text generation": Kind("text-generation", "tiny:llama", ("lora:r=2,patience=3",), 8),
    "speech recognition": Kind(
        "automatic-speech-recognition",
        "tiny:whisper",
        ("partial-fine-tuning:from_group=-1,epochs=2 then lora:r=2,augment=usual",),
        4,
    ),
    "audio classification": Kind(
        "audio-classification",
        "tiny:hubert",
        ("feature-extraction:epochs=2 then full-fine-tuning:augment=strong",),
        4,
    ),
    "a study with two jobs": Kind(
        "image-classification",
        "tiny:cnn",
        ("full-fine-tuning", "lp-ft"),
        3,
        jobs=2,
        share=0.4,
    ),
}


Moment = Callable[[Path], bool] | int
"""When a run is killed: once the function is true of its folder, or at that change of the disk."""


def run_or_resume(name: str, place: Path, connection: Any, change: int | None) -> None:
    """Start the run in `place`, or resume it; this is all that a process does."""
    kind = KINDS[name]
    os.environ |= {"GRAFT_CACHE": str(place / "cache"), "GRAFT_CACHE_GB": f"{kind.cache_gb}"}
    import torch

    from graft import api
    from graft.tasks.specs import options

    torch.set_num_threads(1)
    # The runs of a study come from the same server: one of their own would import everything anew.
    forkserver._forkserver.ensure_running = lambda: None
    data = options.parse(kind.task)[0].tiny_data()
    connection.send("begins")
    changes = Changes(place, change, connection)
    sys.addaudithook(changes)
    folder = place / "run"
    if (folder / ("study.json" if kind.jobs else "spec.json")).exists():
        again = {} if kind.jobs else {"checkpoint_seconds": 0.0}
        api.resume(folder, data=data, **again)
    elif kind.jobs:
        asked = {"seeds": 1, "jobs": kind.jobs}
        api.compare(
            data, list(kind.techniques), [kind.backbone], **asked, **_settings(kind, folder)
        )
    else:
        asked = {"checkpoint_seconds": 0.0}
        api.fit(data, kind.backbone, kind.techniques[0], **asked, **_settings(kind, folder))
    connection.send(changes.groups)


def _settings(kind: Kind, folder: Path) -> dict[str, Any]:
    return {"task": kind.task, "epochs": kind.epochs, "precision": "fp32", "out": folder}


class Changes:
    """Watches every change that this process is about to make below `place`; kills it at one."""

    def __init__(self, place: Path, last: int | None, connection: Any):
        self.place, self.last, self.connection = str(place), last, connection
        self.groups: list[str] = []
        self.folder = ""

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and not (args[2] or 0) & (os.O_WRONLY | os.O_RDWR):
            return
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"):
            return
        paths = [os.fspath(each) for each in args[:2] if isinstance(each, str | Path)]
        if event == "shutil.rmtree":
            self.folder = paths[0]
        # What `rmtree` deletes has a name relative to its folder.
        paths = [path if path.startswith("/") else f"{self.folder}/{path}" for path in paths]
        if event == "open":
            paths = paths[:1]
        if paths and paths[0].startswith(self.place):
            self.groups.append(group_of(event, paths, self.place))
            if len(self.groups) - 1 == self.last:
                self.connection.send(self.groups[-1])
                os.kill(os.getpid(), signal.SIGKILL)


def group_of(event: str, paths: Sequence[str], place: str) -> str:
    """Return the step of a run that a change of the disk belongs to."""
    if "/recordings" in paths[0]:
        return "evicting a recording" if any(".gone" in path for path in paths) else "recording"
    top, _, rest = paths[0].removeprefix(place).strip("/").partition("/")
    if top == "cache":
        return "writing the cache"
    name = rest.split("/")[0]
    name = re.sub(r"^\.(.*)\.\d+\.(part|old)$", r"\1", name) or "its folder"
    removes = event in ("shutil.rmtree", "os.rmdir") and name == "checkpoints"
    return f"{'removing' if removes else 'writing'} {name}"


@dataclass
class Sitting:
    """The result of one process: its seconds, its changes of the disk, and where it was killed."""

    seconds: float
    changes: list[str]
    killed: bool
    at_change: str = ""


class Processes:
    """Starts real processes, forked from a server that has imported everything."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(list(LIBRARIES))

    def run(self, name: str, place: Path, moment: Moment | None = None) -> Sitting:
        """Run or resume until the end, or until the moment of the kill."""
        here, there = self.context.Pipe(duplex=False)
        change = moment if isinstance(moment, int) else None
        process = self.context.Process(target=run_or_resume, args=(name, place, there, change))
        process.start()
        there.close()
        server = psutil.Process(process.pid).parent()
        here.recv()
        began, killed, last = time.perf_counter(), False, None
        while not here.poll(0.001):
            if callable(moment) and moment(place / "run"):
                process.kill()
                killed = True
                break
        with suppress(EOFError):  # it was killed, or ended by an error
            last = here.recv()
        seconds = time.perf_counter() - began
        process.join()
        while server.children():  # the runs of a study end with the process that asked for them
            time.sleep(0.01)
        at_change = last if isinstance(last, str) else ""
        killed = killed or bool(at_change)
        if not killed and process.exitcode:
            raise RuntimeError(f"{name}: the process ended with {process.exitcode}")
        return Sitting(seconds, last if isinstance(last, list) else [], killed, at_change)


def at_instant(seconds: float) -> Callable[[Path], bool]:
    """Return a moment that comes `seconds` after its first call."""
    began: list[float] = []

    def has_come(folder: Path) -> bool:
        began.append(time.perf_counter()) if not began else None
        return time.perf_counter() - began[0] >= seconds

    return has_come


def outcome(folder: Path) -> dict[str, Any]:
    """Return everything that must be equal bit by bit; for a study, that of each of its runs."""
    if (folder / "study.json").exists():
        return {
            path.parent.name: outcome(path.parent)
            for path in sorted(folder.glob("runs/*/result.json"))
        }
    import pandas as pd

    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    left = [
        path.name
        for path in folder.rglob("*")
        if path.suffix in (".part", ".old") or path.name == "checkpoints"
    ]
    return {
        "weights": hashlib.sha256(
            (folder / "model" / "model.safetensors").read_bytes()
        ).hexdigest(),
        "metrics": result["metrics"],
        "samples": result.get("samples"),
        "predictions": pd.read_parquet(folder / "predictions.parquet").to_json(),
        "history": [
            {key: value for key, value in line.items() if key != "train_seconds"} for line in lines
        ],
        "state": json.loads((folder / "status.json").read_text())["state"],
        "left behind": left,
    }


def stage_of(folder: Path, kind: Kind, alone: dict[str, Any]) -> str:
    """Return how far a killed run had come, judged by the files in its folder."""
    if kind.jobs:
        finished = len(list(folder.glob("runs/*/result.json")))
        return f"{finished} runs of the study finished"
    if (folder / "result.json").exists():
        return "after the result"
    if (folder / "predictions.parquet").exists():
        return "saving"
    if not (folder / "checkpoints" / "last.safetensors").exists():
        return "before the first checkpoint"
    lines = (folder / "history.jsonl").read_text().splitlines()
    ended = len(lines) == len(alone["outcome"]["history"])
    return "evaluation of the test split" if ended else "training"


def moments(name: str, number: int, alone: dict[str, Any]) -> list[Moment]:
    """Return the moments at which this run is killed: one, and for some runs one more on resume."""
    chance = random.Random(f"{name} {number}")
    times = 2 if number % 5 == 4 else 1
    if number % 2 == 0:
        first: Moment = at_instant(chance.uniform(0, alone["seconds"]))
    else:
        groups = alone["changes"]
        names = sorted(set(groups))
        group = names[number // 2 % len(names)]
        first = chance.choice([index for index, each in enumerate(groups) if each == group])
    return [first, at_instant(chance.uniform(0, alone["seconds"]))][:times]


def trial(
    processes: Processes, name: str, number: int, alone: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Kill a run, resume it, and compare."""
    place = Path(tempfile.mkdtemp(prefix="kill-", dir=work))
    stages, error = [], ""
    try:
        shutil.copytree(work / name / "cache", place / "cache")
        for moment in moments(name, number, alone):
            sitting = processes.run(name, place, moment)
            if sitting.killed:
                stages.append(sitting.at_change or stage_of(place / "run", KINDS[name], alone))
        processes.run(name, place)
        there = outcome(place / "run")
        different = [key for key, value in alone["outcome"].items() if there.get(key) != value]
    except RuntimeError as failure:
        error, different = str(failure), []
    same = not error and not different
    if same:
        shutil.rmtree(place)
    kept = {} if same else {"place": str(place)}
    return {
        "kind": name,
        "number": number,
        "stages": stages,
        "different": different,
        "error": error,
        **kept,
    }


def left_alone(processes: Processes, name: str, work: Path) -> dict[str, Any]:
    """Return the outcome, duration and changes of the disk of an uninterrupted run.

    It runs twice; both outcomes must be equal.
    """
    outcomes, sittings = [], []
    for _ in range(2):
        place = Path(tempfile.mkdtemp(prefix="alone-", dir=work))
        fill_cache(name, work)
        shutil.copytree(work / name / "cache", place / "cache")
        sittings.append(processes.run(name, place))
        outcomes.append(outcome(place / "run"))
        shutil.rmtree(place)
    if outcomes[0] != outcomes[1]:
        raise SystemExit(
            f"{name}: two uninterrupted runs differ, so a killed run cannot be compared with them."
        )
    return {
        "outcome": outcomes[0],
        "seconds": sittings[-1].seconds,
        "changes": sittings[-1].changes,
    }


def fill_cache(name: str, work: Path) -> None:
    """Fill the cache with other recordings, so that a run that records must evict them first."""
    import torch

    home = work / name / "cache" / "recordings"
    if home.exists():
        return
    home.mkdir(parents=True)
    os.environ["GRAFT_CACHE"] = str(home.parent)
    from graft.training.frozen import recording

    size = int(min(KINDS[name].cache_gb, 1e-4) * 2**30 / 3)
    for number in range(3):
        key = f"{number:032x}"
        about = {"backbone": "other", "of": "other data"}
        recording.record(
            key,
            1,
            size,
            about,
            lambda writer: writer.add([0], [torch.zeros(1, size // 4)], [0], None),
        )


def campaign(work: Path, kills: int, names: Sequence[str] = tuple(KINDS)) -> list[dict[str, Any]]:
    """Run trials until there are so many kills; return all rows, with those of earlier calls."""
    work.mkdir(parents=True, exist_ok=True)
    log = work / "results.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    processes, alone = Processes(), {}
    numbers = Counter(row["kind"] for row in rows)
    while sum(len(row["stages"]) for row in rows) < kills:
        kills_of = Counter(row["kind"] for row in rows for _ in row["stages"])
        name = min(names, key=lambda each: (kills_of[each] / KINDS[each].share, numbers[each]))
        if name not in alone:
            alone[name] = left_alone(processes, name, work)
        row = trial(processes, name, numbers[name], alone[name], work)
        numbers[name] += 1
        rows.append(row)
        with open(log, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        words = (
            "same"
            if not row["different"] and not row["error"]
            else f"{row['different']} {row['error']}"
        )
        print(
            f"{name} {row['number']}: killed {', then '.join(row['stages']) or 'never'}: {words}",
            flush=True,
        )
    return rows


def table(rows: Sequence[dict[str, Any]], names: Sequence[str] = tuple(KINDS)) -> str:
    """Return Markdown tables of the kills by kind of run and by stage."""
    lines = [
        "| kind of run | kills | runs | the same in the end | different | failed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in [*names, ""]:
        part = [row for row in rows if row["kind"] == name or not name]
        kills = sum(len(row["stages"]) for row in part)
        different, failed = (sum(bool(row[key]) for row in part) for key in ("different", "error"))
        same = len(part) - different - failed
        lines.append(
            f"| {name or 'all'} | {kills} | {len(part)} | {same} | {different} | {failed} |"
        )
    stages = Counter(stage for row in rows for stage in row["stages"])
    lines += ["", "| where it was killed | kills |", "| --- | --- |"]
    lines += [f"| {stage} | {count} |" for stage, count in stages.most_common()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "graft-kills")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=KINDS,
        metavar="KIND",
        help=f"kinds of run, of {', '.join(KINDS)}: their table is printed, and the page stays",
    )
    asked = parser.parse_args()
    names = asked.only or tuple(KINDS)
    rows = campaign(asked.work, asked.kills, names)
    text = table(rows, names)
    print(text)
    if asked.only:
        return
    TABLE.write_text(f"{INTRODUCTION}\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
