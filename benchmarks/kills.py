"""Kill runs at random instants, resume them, and compare what comes out with a run left alone.

    python benchmarks/kills.py            # 200 kills over six kinds of runs; writes benchmarks/kills.md

Every run is a real process that gets a real SIGKILL. Half of the instants are uniform over the
duration of the run left alone, from its first moment to its last; the others follow an event by
some milliseconds: a file that appears as the run records, trains, evaluates the test split or
saves. Checkpoints are written after each step. After a kill the run is resumed, a third of them is
killed once more, and in the end weights, metrics, predictions and history are compared bit by bit
with those of the run left alone.

Results are appended to WORK/results.jsonl: started again, the campaign goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
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
    "transformers.models.llama.modeling_llama",
)
"""What the server of processes imports once, so that a run starts in milliseconds."""

INTRODUCTION = """# Runs that are killed and resumed

Printed by `python benchmarks/kills.py`, which says how. "The same" means weights, metrics, predictions and
history bit by bit, nothing half-written left behind, and a status that says finished.
"""


@dataclass(frozen=True)
class Kind:
    """A kind of run, and the files by whose appearance some of its kills are timed."""

    task: str
    backbone: str
    techniques: tuple[str, ...]
    epochs: float
    jobs: int = 0
    """More than 0: a study with that many runs at a time."""
    share: float = 1.0
    """Its share of the kills, relative to the other kinds: a study takes longest."""
    cache_gb: float = 1.0
    events: tuple[str, ...] = ()


SAVING = ("predictions.parquet", ".model.*.part", "model", "result.json")
TRAINING = ("spec.json", "history.jsonl", "checkpoints/last.safetensors", "checkpoints/.*.part")
RECORDING = tuple(f"cache/recordings/{name}" for name in ("*.part", "*.gone", "*/about.json"))

KINDS = {
    "early stop": Kind(
        "text-classification", "tiny:bert", ("full-fine-tuning:lr=0.05,patience=2",), 12, events=(*TRAINING, *SAVING)
    ),
    "recordings and their eviction": Kind(
        "image-classification",
        "tiny:efficientnet",
        ("feature-extraction:epochs=2 then partial-fine-tuning:from_group=-1",),
        6,
        cache_gb=3e-5,
        events=(*RECORDING, *TRAINING, *SAVING),
    ),
    "a then b": Kind(
        "text-classification",
        "tiny:bert",
        ("masked-language-modeling:epochs=2 then lora:r=2,epochs=2 then full-fine-tuning + l2-sp:weight=0.1",),
        2,
        events=(*TRAINING, "checkpoints/references-2.safetensors", *SAVING),
    ),
    "a + b": Kind(
        "image-classification",
        "tiny:cnn",
        ("full-fine-tuning:batch_norm=updated + l2-sp:weight=0.1",),
        8,
        events=(*TRAINING, *SAVING),
    ),
    "text generation": Kind("text-generation", "tiny:llama", ("lora:r=2,patience=3",), 8, events=(*TRAINING, *SAVING)),
    "a study with two jobs": Kind(
        "image-classification",
        "tiny:cnn",
        ("full-fine-tuning", "lp-ft"),
        3,
        jobs=2,
        share=0.4,
        events=("study.json", "baselines.json", "runs/*/history.jsonl", "runs/*/model", "runs/*/result.json"),
    ),
}


def run_or_resume(name: str, place: Path, connection: Any) -> None:
    """What a process does: begin the run in `place`, or go on with it."""
    kind = KINDS[name]
    os.environ |= {"GRAFT_CACHE": str(place / "cache"), "GRAFT_CACHE_GB": f"{kind.cache_gb}"}
    import torch

    from graft import api
    from graft.tasks import options

    torch.set_num_threads(1)
    # The runs of a study come from the same server: one of their own would import everything anew.
    forkserver._forkserver.ensure_running = lambda: None
    data = options.parse(kind.task)[0].tiny_data()
    connection.send("begins")
    folder = place / "run"
    if (folder / ("study.json" if kind.jobs else "spec.json")).exists():
        again = {} if kind.jobs else {"checkpoint_seconds": 0.0}
        api.resume(folder, data=data, **again)
    elif kind.jobs:
        asked = {"seeds": 1, "jobs": kind.jobs}
        api.compare(data, list(kind.techniques), [kind.backbone], **asked, **_settings(kind, folder))
    else:
        asked = {"checkpoint_seconds": 0.0}
        api.fit(data, kind.backbone, kind.techniques[0], **asked, **_settings(kind, folder))
    connection.send("ends")


def _settings(kind: Kind, folder: Path) -> dict[str, Any]:
    return {"task": kind.task, "epochs": kind.epochs, "precision": "fp32", "out": folder}


class Processes:
    """Real processes, forked from a server that has imported everything."""

    def __init__(self) -> None:
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(list(LIBRARIES))
        self.server: psutil.Process | None = None

    def run(self, name: str, place: Path, moment: Callable[[Path], bool] | None = None) -> tuple[float, bool]:
        """The seconds that a run took, and whether it was killed when `moment` came."""
        here, there = self.context.Pipe(duplex=False)
        process = self.context.Process(target=run_or_resume, args=(name, place, there))
        process.start()
        there.close()
        self.server = psutil.Process(process.pid).parent()
        here.recv()
        began, killed = time.perf_counter(), False
        while not here.poll(0.001):
            if moment and moment(place / "run"):
                process.kill()
                killed = True
                break
        seconds = time.perf_counter() - began
        process.join()
        while self.server.children():  # the runs of a study end with the process that asked for them
            time.sleep(0.01)
        if not killed and process.exitcode:
            raise RuntimeError(f"{name}: the process ended with {process.exitcode}")
        return seconds, killed


def at_instant(seconds: float) -> Callable[[Path], bool]:
    """Comes so many seconds after the first look."""
    began: list[float] = []

    def has_come(folder: Path) -> bool:
        began.append(time.perf_counter()) if not began else None
        return time.perf_counter() - began[0] >= seconds

    return has_come


def after_event(pattern: str, seconds: float) -> Callable[[Path], bool]:
    """Comes so many seconds after a file of the pattern, which was not there before, appears."""
    before: list[set[Path]] = []
    wait: list[Callable[[Path], bool]] = []

    def has_come(folder: Path) -> bool:
        place = folder.parent if pattern.startswith("cache/") else folder
        seen = set(place.glob(pattern))
        before.append(seen) if not before else None
        if not wait and seen - before[0]:
            wait.append(at_instant(seconds))
        return bool(wait) and wait[0](folder)

    return has_come


def outcome(folder: Path) -> dict[str, Any]:
    """What must be the same, bit by bit; of a study of each of its runs."""
    if (folder / "study.json").exists():
        return {path.parent.name: outcome(path.parent) for path in sorted(folder.glob("runs/*/result.json"))}
    import pandas as pd

    result = json.loads((folder / "result.json").read_text())
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    left = [path.name for path in folder.rglob("*") if path.suffix in (".part", ".old") or path.name == "checkpoints"]
    return {
        "weights": hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest(),
        "metrics": result["metrics"],
        "samples": result.get("samples"),
        "predictions": pd.read_parquet(folder / "predictions.parquet").to_json(),
        "history": [{key: value for key, value in line.items() if key != "train_seconds"} for line in lines],
        "state": json.loads((folder / "status.json").read_text())["state"],
        "left behind": left,
    }


def stage_of(folder: Path, kind: Kind) -> str:
    """How far a killed run had come, by the files in its folder."""
    if kind.jobs:
        finished = len(list(folder.glob("runs/*/result.json")))
        return f"{finished} of its runs finished"
    if (folder / "result.json").exists():
        return "after the result"
    if (folder / "predictions.parquet").exists():
        return "saving"
    saved = folder / "checkpoints" / "last.safetensors"
    if not saved.exists():
        return "before the first checkpoint"
    from graft.training.checkpoint import read_position

    position = read_position(saved)
    lines = len((folder / "history.jsonl").read_text().splitlines())
    ended = lines > position.history or position.stale
    return "training or evaluation" if not ended else "around an epoch's end"


def moments(name: str, number: int, seconds: float) -> list[Callable[[Path], bool]]:
    """When the run of this number is killed: once, and one in three again while it is resumed."""
    chance = random.Random(f"{name} {number}")
    times = 2 if number % 3 == 2 else 1
    if number % 2 == 0:
        first = at_instant(chance.uniform(0, seconds))
    else:
        first = after_event(chance.choice(KINDS[name].events), chance.expovariate(1 / 0.02))
    return [first, at_instant(chance.uniform(0, seconds))][:times]


def trial(processes: Processes, name: str, number: int, alone: dict[str, Any], work: Path) -> dict[str, Any]:
    """Kill a run, resume it, and compare."""
    place = Path(tempfile.mkdtemp(prefix="kill-", dir=work))
    stages, error = [], ""
    try:
        shutil.copytree(work / name / "cache", place / "cache")
        for moment in moments(name, number, alone["seconds"]):
            if processes.run(name, place, moment)[1]:
                stages.append(stage_of(place / "run", KINDS[name]))
        processes.run(name, place)
        there = outcome(place / "run")
        different = [key for key, value in alone["outcome"].items() if there.get(key) != value]
    except RuntimeError as failure:
        error, different = str(failure), []
    same = not error and not different
    if same:
        shutil.rmtree(place)
    kept = {} if same else {"place": str(place)}
    return {"kind": name, "number": number, "stages": stages, "different": different, "error": error, **kept}


def left_alone(processes: Processes, name: str, work: Path) -> dict[str, Any]:
    """The outcome of a run that nobody kills, checked to be the same twice, and its duration."""
    outcomes = []
    for _ in range(2):
        place = Path(tempfile.mkdtemp(prefix="alone-", dir=work))
        fill_cache(name, work)
        shutil.copytree(work / name / "cache", place / "cache")
        seconds, _ = processes.run(name, place)
        outcomes.append(outcome(place / "run"))
        shutil.rmtree(place)
    if outcomes[0] != outcomes[1]:
        raise SystemExit(f"{name}: two runs left alone differ, so that a killed one cannot be compared.")
    return {"outcome": outcomes[0], "seconds": seconds}


def fill_cache(name: str, work: Path) -> None:
    """Fill the cache with other recordings, so that a run that records must evict them first."""
    import torch

    home = work / name / "cache" / "recordings"
    if home.exists():
        return
    home.mkdir(parents=True)
    os.environ["GRAFT_CACHE"] = str(home.parent)
    from graft.training import recording

    size = int(min(KINDS[name].cache_gb, 1e-4) * 2**30 / 3)
    for number in range(3):
        key = f"{number:032x}"
        about = {"backbone": "other", "of": "other data"}
        recording.record(key, 1, size, about, lambda writer: writer.add([0], [torch.zeros(1, size // 4)], [0], None))


def campaign(work: Path, kills: int, names: Sequence[str] = tuple(KINDS)) -> list[dict[str, Any]]:
    """All trials up to so many kills, those of earlier calls among them."""
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
        words = "same" if not row["different"] and not row["error"] else f"{row['different']} {row['error']}"
        print(f"{name} {row['number']}: killed {', then '.join(row['stages']) or 'never'}: {words}", flush=True)
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows of each kind of run, and of each stage, in Markdown."""
    lines = ["| kind of run | kills | runs | the same in the end | different | failed |", "| --- | --- | --- | --- | --- | --- |"]
    for name in [*KINDS, ""]:
        part = [row for row in rows if row["kind"] == name or not name]
        kills = sum(len(row["stages"]) for row in part)
        different, failed = (sum(bool(row[key]) for row in part) for key in ("different", "error"))
        same = len(part) - different - failed
        lines.append(f"| {name or 'all'} | {kills} | {len(part)} | {same} | {different} | {failed} |")
    stages = Counter(stage for row in rows for stage in row["stages"])
    lines += ["", "| where it was killed | kills |", "| --- | --- |"]
    lines += [f"| {stage} | {count} |" for stage, count in stages.most_common()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "graft-kills")
    asked = parser.parse_args()
    rows = campaign(asked.work, asked.kills)
    text = table(rows)
    print(text)
    TABLE.write_text(f"{INTRODUCTION}\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
