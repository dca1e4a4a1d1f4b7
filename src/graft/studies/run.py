"""One run, from its spec and the data to a finished folder."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from graft.backbones import folder as model_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import head_of
from graft.backbones.language.unknown_tokens import unknown_tokens
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import env, files
from graft.base.errors import FolderError
from graft.base.locks import hold_lock
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.records import (
    PREDICTIONS,
    check_result,
    read_result,
    read_spec,
    read_status,
)
from graft.studies.save import write_predictions
from graft.studies.spec import RunSpec
from graft.tasks.specs.options import read_task
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.training.checkpoint import Position
from graft.training.engine import Engine, threads
from graft.training.evaluate import Evaluation, add_texts, evaluate, intervals
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix
from graft.training.frozen.slots import CannotCut
from graft.training.loop.estimate import RunEstimate, estimate
from graft.training.loop.stage import CHECKPOINT_SECONDS, Settings
from graft.training.loop.trainer import train
from graft.training.observers import LogFile, Observer

PROBES = 4
"""How many validation inputs are kept in the model folder with their outputs."""
STARTING_SECONDS = 3.0
"""About what a process takes to start, and to import what a run needs."""


def execute(
    spec: RunSpec,
    data: Data,
    folder: Path,
    observer: Observer,
    baselines: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Train, evaluate and write the run; goes on where the folder holds a checkpoint.

    Returns result.json. `data` are the whole data; the spec's fraction or shots are cut here.
    Raises GraftError, with status.json saying so.
    """
    if is_finished(folder) and (result := read_result(folder)):
        close(spec, folder, result)
        return result
    spec.check_folders()
    with hold_lock(folder), _status(folder), threads(_threads_of(folder)):
        for place in (folder, folder / "checkpoints"):
            files.remove_unfinished(place)
        machine = {"versions": env.versions(), "hardware": env.hardware()}
        asked = {**spec.to_json(), "threads": torch.get_num_threads(), **machine}
        files.write_json(folder / "spec.json", asked)
        log = LogFile(folder / "log.txt", observer)
        log.start(str(folder), asked)
        if (folder / "result.json").exists():
            lost = " and ".join(_missing_parts(folder))
            log.note(f"{lost} of {folder} is gone, so the run is trained again.")
        result = _execute(spec, data, folder, log, baselines, checkpoint_seconds)
    log.finish(result)
    return result


def _execute(
    spec: RunSpec,
    data: Data,
    folder: Path,
    observer: Observer,
    baselines: bool,
    checkpoint_seconds: float,
) -> dict[str, Any]:
    started = time.perf_counter()
    data = subsample(data, fraction=spec.fraction, shots=spec.shots, seed=spec.seed)
    task = read_task(spec.task, data, weighted=spec.weighted)
    technique = parse(spec.technique)
    engine = Engine(spec.precision)
    model = engine.place(build_model(spec.backbone, task, technique.pretrained, spec.seed))
    for note in model.backbone.notes:
        observer.note(note)
    settings = Settings(spec.seed, spec.epochs, spec.batch_size, checkpoint_seconds)
    model, position = train(model, task, technique, data, settings, engine, folder, observer)

    feeds = {
        split: Feed.of(data.splits[split], task, model.backbone.preprocess, engine.device)
        for split in ("val", "test")
    }
    evaluations = _evaluate(model, feeds, engine, observer, position.recorded)
    task = task.tune(evaluations["val"].scores, evaluations["val"].targets)
    evaluations["test"] = add_texts(model, task, data.splits["test"], evaluations["test"], engine)
    with engine.autocast():
        samples = task.samples(model, data.splits["test"])
    write_predictions(folder, task, data, evaluations)
    _save_model(folder / "model", model, task, spec, feeds["val"])
    result = {
        "schema": 1,
        "status": "finished",
        "task": spec.task,
        "backbone": spec.backbone,
        "technique": spec.technique,
        "seed": spec.seed,
        "fraction": spec.fraction,
        "shots": spec.shots,
        "data": _describe(spec, data, task, model.backbone.preprocess),
        "metrics": {
            "val": _values(task, evaluations["val"]),
            "test": intervals(task, evaluations["test"], data.splits["test"], data.kind),
        },
        "primary_metric": next(iter(task.metrics)),
        "units": {name: metric.unit for name, metric in task.metrics.items() if metric.unit},
        "selected_by": "val",
        **_baselines(task, data if baselines else None),
        "cost": _cost(
            model, position, folder, position.earlier_seconds + time.perf_counter() - started
        ),
        "frozen": _frozen(position),
        **task.details(evaluations["test"].scores, evaluations["test"].targets).to_json(),
        **({"samples": samples} if samples else {}),
        "warnings": [*model.backbone.notes, *position.warnings],
    }
    files.write_json(folder / "result.json", result)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    # As a later call returns it: numbers that are undefined are None, not NaN.
    return read_result(folder)


def is_finished(folder: Path) -> bool:
    """Whether the run in the folder has ended, and its model and predictions are still there."""
    return not _missing_parts(folder)


def _missing_parts(folder: Path) -> list[str]:
    parts = ("result.json", f"model/{model_folder.CARD}", PREDICTIONS)
    return [part for part in parts if not (folder / part).exists()]


def close(spec: RunSpec, folder: Path, result: dict[str, Any]) -> None:
    """Tidy up a finished run, which may have been killed just after it wrote its result.

    A lost spec.json is written anew, without the versions that are no longer known. Raises
    FolderError if the result is not that of the spec.
    """
    if not (folder / "spec.json").exists():
        check_result(folder, spec.to_json(), result)
        files.write_json(folder / "spec.json", spec.to_json())
    check_result(folder, read_spec(folder), result)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if read_status(folder).get("state") != "finished":
        files.write_json(folder / "status.json", {"state": "finished", "message": ""})


def estimate_run(spec: RunSpec, data: Data) -> RunEstimate:
    """What each phase of the run would train, record and take; nothing is written."""
    data = subsample(data, fraction=spec.fraction, shots=spec.shots, seed=spec.seed)
    task = read_task(spec.task, data, weighted=spec.weighted)
    technique, engine = parse(spec.technique), Engine(spec.precision)
    started = time.perf_counter()
    model = engine.place(build_model(spec.backbone, task, technique.pretrained, spec.seed))
    other = STARTING_SECONDS + 2 * (
        time.perf_counter() - started
    )  # saving takes about as long as opening
    settings = Settings(spec.seed, spec.epochs, spec.batch_size)
    return estimate(model, task, technique, data, settings, engine, other)


def _evaluate(
    model: Model, feeds: dict[str, Feed], engine: Engine, observer: Observer, recorded: bool
) -> dict[str, Evaluation]:
    """Each split's evaluation, behind recordings where the last phase trained behind one."""
    with ExitStack() as during:
        try:
            recorded = (
                recorded and model.backbone.form != "finished"
            )  # one that has no head beside its layers
            prefix = frozen_prefix.find(model, feeds["val"], engine) if recorded else None
            if prefix:
                feeds = {split: prefix.record(feed, observer) for split, feed in feeds.items()}
                during.enter_context(prefix.installed())
        except CannotCut as reason:
            observer.note(f"{model.backbone.name}: the whole network is evaluated, since {reason}.")
        return {split: evaluate(model, feed, engine) for split, feed in feeds.items()}


def build_model(backbone: str, task: Task, pretrained: bool, seed: int) -> Model:
    """The backbone under the task's head, fresh unless it is the network's own.

    Raises BackboneError as `open_backbone`.
    """
    torch.manual_seed(seed)
    opened = open_backbone(backbone, task, pretrained)
    model = Model(opened, task.fresh_head and opened.form != "finished")
    torch.manual_seed(seed + 1)
    if model.fresh_head:
        head_of(opened).initialize(opened)
    return model


def open_backbone(backbone: str, task: Task, pretrained: bool = True) -> Backbone:
    """The backbone under the task's head.

    Raises BackboneError if the head cannot sit on its features, or it cannot read what the task
    makes of its samples.
    """
    opened = load_backbone(backbone, task.job(), pretrained)
    task.check(opened)
    return task.with_head(opened)


def _describe(spec: RunSpec, data: Data, task: Task, preprocess: Preprocess) -> dict[str, Any]:
    """What a run says of its data.

    `cut` are the samples of each split of which the network does not read all, `unknown` is what
    its tokenizer does not know. Where the data has no classes, those of the task are the head's
    outputs alone, as the start and end of an answer.
    """
    counts = {split: len(samples) for split, samples in data.splits.items()}
    return {
        "path": spec.data["path"],
        "hash": spec.data["hash"],
        "counts": counts,
        "cut": {
            split: task.count_cut(samples, preprocess) for split, samples in data.splits.items()
        },
        "unknown": _unknown(data, preprocess) if task.reads == "text" else {},
        "classes": list(task.classes) if data.classes else [],
        "notes": data.notes,
    }


def _unknown(data: Data, preprocess: Preprocess) -> dict[str, dict[str, Any]]:
    read = kind_named(data.kind).text
    texts = {split: [read(sample) for sample in samples] for split, samples in data.splits.items()}
    return {split: asdict(unknown_tokens(found, preprocess)) for split, found in texts.items()}


def _values(task: Task, found: Evaluation) -> dict[str, float]:
    return {
        "loss": found.loss,
        **{name: metric(found.scores, found.targets) for name, metric in task.watched.items()},
    }


def _baselines(task: Task, data: Data | None) -> dict[str, Any]:
    """The metrics of each baseline and what a person calls it; empty without data."""
    rows = run_baselines(task, data) if data else []
    return {
        "baseline": {row["baseline"]: row["metrics"]["test"] for row in rows},
        "baseline_words": {row["baseline"]: row["words"] for row in rows},
    }


def _cost(model: Model, position: Position, folder: Path, seconds: float) -> dict[str, Any]:
    weights = sum(
        file.stat().st_size
        for file in (folder / "model").glob("*.safetensors")
        if file.name != "probe.safetensors"
    )
    return {
        "train_seconds": round(position.train_seconds, 2),
        "total_seconds": round(seconds + position.shared_seconds, 2),
        "samples_per_second": round(position.examples / max(position.train_seconds, 1e-9), 1),
        "peak_memory_mb": round(position.peak_memory_mb),
        "trainable_parameters": position.trainable,
        "total_parameters": sum(p.numel() for p in model.parameters()),
        "model_mb": round(weights / 2**20, 2),
        "cache": {**position.cache, "shared_seconds": round(position.shared_seconds, 2)},
    }


def _frozen(position: Position) -> dict[str, Any]:
    phases = position.frozen
    return {
        "tensors": max((p["tensors"] for p in phases), default=0),
        "unchanged": all(p["unchanged"] for p in phases),
        "phases": phases,
    }


def _save_model(folder: Path, model: Model, task: Task, spec: RunSpec, val: Feed) -> None:
    rows = list(range(min(PROBES, len(val.pieces))))
    batch = next(val.stream([rows]))
    model.to(
        "cpu", memory_format=torch.contiguous_format
    )  # safetensors holds no channels-last tensors
    extra = {"task": task.name, "task_settings": task.settings()}
    extra |= {"technique": spec.technique, "run": spec.hash}
    model_folder.save(model, folder, task.job(), list(task.classes), extra, batch, task.problem)


@contextmanager
def _status(folder: Path):
    """status.json tells how the run ended, whatever happens."""

    def say(state: str, message: str = "") -> None:
        files.write_json(folder / "status.json", {"state": state, "message": message})

    say("running")
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted", "Stopped by the user. Go on with: graft resume")
        raise
    except Exception as error:
        with suppress(FolderError):  # on a full disk; the error itself says more
            say("failed", f"{type(error).__name__}: {error}")
        raise
    say("finished")


def _threads_of(folder: Path) -> int:
    """As many threads as when the run began, since the last bits of sums depend on their number."""
    began = read_spec(folder) if (folder / "spec.json").exists() else {}
    return began.get("threads") or torch.get_num_threads()
