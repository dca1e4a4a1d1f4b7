"""Graft's side of the comparison: the same task, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from measure import Clock, Task, given, report

import graft
from graft.backbones.load import DEFAULTS
from graft.base import files
from graft.base.records import LabeledBox, Sample
from graft.data.data import Data
from graft.data.masks.coding import Coding
from graft.data.masks.open import Mask
from graft.studies.executors import each_in_a_process
from graft.studies.run import build_model
from graft.studies.spec import RunSpec
from graft.studies.study import Job, run_job
from graft.tasks.specs.options import read_task
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from graft.training.frozen import recording
from graft.training.loop.trainer import Settings, train
from graft.training.observers import Observer

PACKAGES = ("graft-learn", "torch", "timm", "transformers")


class Pictures(Sequence):
    """Pictures of 224 pixels, each generated from its number when it is read."""

    def __init__(self, count: int, first: int):
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        number = self.first + index
        tiles = np.random.default_rng(number).integers(0, 256, (7, 7, 3), dtype=np.uint8)
        return Sample(
            f"made:{number}",
            {"image": tiles.repeat(32, 0).repeat(32, 1), "label": ("even", "odd")[number % 2]},
        )


def opened(task: Task) -> Data:
    """Return the rows of the task as Graft's data."""
    read = Path if task.modality == "image" else str
    splits = {
        name: [
            Sample(f"{name}:{number}", {task.modality: read(value), **labeled(task, target)})
            for number, (value, target) in enumerate(getattr(task, name))
        ]
        for name in ("train", "val", "test")
    }
    return Data(splits)


def labeled(task: Task, target: Any) -> dict[str, Any]:
    """Return the role of a sample that holds its target: see `Task`."""
    if isinstance(target, int):
        return {"label": task.classes[target]}
    if isinstance(target, str):
        colors = zip(map(tuple, task.colors), task.classes, strict=True)
        return {"mask": Mask(Path(target), Coding(colors=tuple(colors), origin="the task"))}
    boxes = ((task.classes[number], tuple(corners)) for number, *corners in target)
    return {"boxes": tuple(LabeledBox(label, corners) for label, corners in boxes)}


def trained(task: Task, data: Data, clock: Clock) -> tuple[float, float, str]:
    """Only train and evaluate.

    Returns the metric of the test split, trained examples a second, and notes for the table.
    """
    problem = read_task(task.task, data)
    technique, engine = parse(task.technique), Engine(task.precision)
    with clock.running("load"):
        model = engine.place(
            build_model(
                task.backbone or DEFAULTS[task.modality], problem, technique.pretrained, task.seed
            )
        )
    with clock.running("all"):
        settings = Settings(task.seed, task.epochs, task.batch_size)
        model, position = train(
            model, problem, technique, data, settings, engine, Path(task.folder), Observer()
        )
        test = Feed.of(data.splits["test"], problem, model.backbone.preprocess, engine.device)
        found = evaluate(model, test, engine)
    recorded = "" if position.cache["used"] else ", nothing recorded"
    return (
        problem.metrics[task.metric](found.scores, found.targets),
        position.examples / position.train_seconds,
        f"{task.technique}, {engine.precision}{recorded}",
    )


def fitted(task: Task, data: Data, clock: Clock) -> tuple[float, float | None, str]:
    """Run `graft.fit`: data checks, loading, training, intervals, baselines and saving."""
    with clock.running("all"):
        run = graft.fit(
            data,
            technique=task.technique,
            seed=task.seed,
            epochs=task.epochs,
            batch_size=task.batch_size,
            out=task.folder,
        )
    return (
        run.result["metrics"]["test"][task.metric]["value"],
        None,
        f"{task.technique}; all of graft.fit, loading included",
    )


def studied(task: Task, data: Data, clock: Clock) -> tuple[float, float | None, str]:
    """Run all runs as one study; return the mean of their test accuracies."""
    with clock.running("all"):
        study = graft.compare(
            data,
            task.techniques,
            seeds=task.seeds,
            epochs=task.epochs,
            batch_size=task.batch_size,
            jobs=1,
            out=task.folder,
        )
    results = [files.read_json(path, "a run") for path in study.folder.glob("runs/*/result.json")]
    return (
        mean_accuracy(results),
        None,
        f"one graft.compare of {len(results)} runs, with its baselines and its page",
    )


def alone(task: Task, data: Data, clock: Clock) -> tuple[float, float | None, str]:
    """Run the same runs as `studied`, each alone in a process of its own, without recordings."""
    described = {"path": "", "hash": data.fingerprint(), "format": "", "options": {}}
    base = RunSpec(
        described,
        task.task,
        DEFAULTS[task.modality],
        "",
        epochs=task.epochs,
        batch_size=task.batch_size,
        precision=Engine(None).precision,
    )
    specs = [
        replace(base, technique=name, seed=seed)
        for seed in range(task.seeds)
        for name in task.techniques
    ]
    jobs = [Job(spec, data, Path(task.folder, spec.hash)) for spec in specs]
    results = []
    with clock.running("all"):
        for _, result, error in each_in_a_process(run_alone, jobs, 1):
            if error:
                raise error
            results.append(result)
    return (
        mean_accuracy(results),
        None,
        f"{len(results)} runs, one after the other, without baselines and page",
    )


def run_alone(job: Job) -> dict:
    """Remove all recordings, then run one run; only for speed.py, which uses a cache of its own."""
    for row in recording.everything():
        recording.remove(row["key"])
    return run_job(job)


def mean_accuracy(results: list[dict]) -> float:
    return float(np.mean([result["metrics"]["test"]["accuracy"]["value"] for result in results]))


def remembered(task: Task, clock: Clock) -> tuple[float, float | None, str]:
    """Run feature extraction on `task.pictures` pictures that are generated when read."""
    count, held_out = task.pictures, max(8, task.pictures // 100)
    starts = {"train": (count, 0), "val": (held_out, count), "test": (held_out, count + held_out)}
    data = Data({name: Pictures(*about) for name, about in starts.items()})
    quality, rate, notes = trained(task, data, clock)
    return quality, rate, f"{count:,} pictures, {notes}"


def main() -> None:
    task, clock = given(), Clock()
    # Graft imports these late; imports do not count.
    library = "timm" if task.modality == "image" else "transformers"
    is_keras = task.backbone.startswith("keras:")
    import_module("graft.backbones.keras.library" if is_keras else library)
    ways = {"fit": fitted, "study": studied, "alone": alone}
    if task.goal == "memory":
        quality, rate, notes = remembered(task, clock)
    else:
        quality, rate, notes = ways.get(task.goal, trained)(task, opened(task), clock)
    report(
        clock.seconds["all"],
        quality,
        PACKAGES,
        load_seconds=clock.seconds.get("load", 0.0),
        rate=rate,
        notes=notes,
    )


if __name__ == "__main__":
    main()
