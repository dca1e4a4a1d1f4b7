"""One run, from its spec and the data to a finished folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from graft.backbones import folder as model_folder
from graft.backbones.adapters import peft_folder
from graft.backbones.backbone import Backbone, Model
from graft.backbones.heads.head import head_of
from graft.backbones.language.unknown_tokens import unknown_tokens
from graft.backbones.load import load_backbone
from graft.backbones.preprocess.preprocess import Preprocess
from graft.base import env, files
from graft.base.errors import FolderError
from graft.base.locks import hold_lock
from graft.base.records import Batch
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.splits import subsample
from graft.studies.baselines import run_baselines
from graft.studies.forgetting import Memory, add_rehearsed, forgetting_seconds
from graft.studies.parts import describe_parts, model_places, part_model
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
from graft.training.loop.timing import example_milliseconds
from graft.training.loop.trainer import train
from graft.training.observers import LogFile, Observer
from graft.training.validators.likeness.domains import describe_domains
from graft.training.validators.likeness.outputs import collect_outputs
from graft.training.validators.validator import measure

PROBES = 4
"""The number of validation inputs that the model folder keeps with their outputs."""
STARTING_SECONDS = 3.0
"""About the time to start a process and to import what a run needs."""
WEIGHTS = (".safetensors", ".keras")
"""The endings of files that hold the weights of a saved model."""
ASKED = ("task", "backbone", "technique", "seed", "fraction", "shots")
"""The fields of a spec that result.json repeats."""


def execute(
    spec: RunSpec,
    data: Data,
    folder: Path,
    observer: Observer,
    baselines: bool = True,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, Any]:
    """Train, evaluate and write the run, from a checkpoint if the folder has one.

    Returns result.json. `data` are the whole data; the fraction or shots of the spec are drawn
    here. Raises GraftError, which status.json then names.
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
    data, left_out = task.choose_learnable(data, model.backbone.preprocess)
    memory = Memory.of(spec, model, engine)
    notes = [*model.backbone.notes, *left_out, *(memory.notes if memory else ())]
    for note in notes:
        observer.note(note)
    settings = Settings(spec.seed, spec.epochs, spec.batch_size, checkpoint_seconds)
    learned = add_rehearsed(data, spec, model)
    model, position = train(model, task, technique, learned, settings, engine, folder, observer)

    feeds = _held_out_feeds(model, task, data, engine)
    with _open_recordings(model, feeds, engine, observer, position.recorded) as ready:
        evaluations = {split: evaluate(model, ready[split], engine) for split in ("val", "test")}
        adapted = _measure_target(model, task, ready, engine) if data.target else {}
    adapted |= {"forgetting": memory.forgotten(model, engine)} if memory else {}
    task = task.tune(evaluations["val"].scores, evaluations["val"].targets)
    evaluations["test"] = add_texts(model, task, data.splits["test"], evaluations["test"], engine)
    with engine.autocast():
        samples = task.samples(model, data.splits["test"])
    details = task.details(evaluations["test"].scores, evaluations["test"].targets)
    write_predictions(folder, task, data, evaluations, details.galleries)
    example_ms = example_milliseconds(model, feeds["val"], engine)
    places = _save_models(folder, model, task, spec, feeds["val"])
    if model.kept:
        peft_folder.write(model.kept, model.backbone, folder / "adapter")
    started -= position.earlier_seconds
    result = {
        "schema": 1,
        "status": "finished",
        **{name: getattr(spec, name) for name in ASKED},
        "data": _describe(spec, data, task, model.backbone.preprocess),
        **_measure(task, data, evaluations),
        **_run_baselines(task, data if baselines else None),
        "cost": _cost(model, position, folder, time.perf_counter() - started, example_ms),
        "frozen": _frozen(position),
        **details.to_json(),
        **({"parts": describe_parts(task, data, places)} if places else {}),
        **({"samples": samples} if samples else {}),
        **adapted,
        "warnings": [*notes, *position.warnings],
    }
    files.write_json(folder / "result.json", result)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    # Read it back, as a later call does: undefined numbers are then None instead of NaN.
    return read_result(folder)


def _held_out_feeds(model: Model, task: Task, data: Data, engine: Engine) -> dict[str, Feed]:
    """The feeds that are measured: `val`, `test`, and of another domain `unlabeled`."""
    samples = {split: data.splits[split] for split in ("val", "test")}
    if data.target:
        samples["unlabeled"] = list(map(task.without_target, data.splits["unlabeled"]))
    preprocess = model.backbone.preprocess
    return {name: Feed.of(part, task, preprocess, engine.device) for name, part in samples.items()}


def _measure(task: Task, data: Data, evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    """Return the metrics of both held-out splits, with their units."""
    test = intervals(task, evaluations["test"], data.splits["test"], data.kind)
    return {
        "metrics": {"val": _values(task, evaluations["val"]), "test": test},
        "primary_metric": next(iter(task.metrics)),
        "units": {name: metric.unit for name, metric in task.metrics.items() if metric.unit},
        "selected_by": "val",
    }


def is_finished(folder: Path) -> bool:
    """Whether the run in the folder has finished and still has its model and predictions."""
    return not _missing_parts(folder)


def _missing_parts(folder: Path) -> list[str]:
    parts = ("result.json", f"model/{model_folder.CARD}", PREDICTIONS)
    return [part for part in parts if not (folder / part).exists()]


def close(spec: RunSpec, folder: Path, result: dict[str, Any]) -> None:
    """Clean up after a finished run, which may have been killed just after writing its result.

    A lost spec.json is written again, without the versions, which are no longer known. Raises
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
    """Estimate what each phase of the run trains, records and takes; nothing is written."""
    data = subsample(data, fraction=spec.fraction, shots=spec.shots, seed=spec.seed)
    task = read_task(spec.task, data, weighted=spec.weighted)
    technique, engine = parse(spec.technique), Engine(spec.precision)
    started = time.perf_counter()
    model = engine.place(build_model(spec.backbone, task, technique.pretrained, spec.seed))
    opening_seconds = time.perf_counter() - started
    data, _ = task.choose_learnable(data, model.backbone.preprocess)
    other = STARTING_SECONDS + 2 * opening_seconds  # saving takes about as long as opening
    other += forgetting_seconds(spec, model, engine)
    settings = Settings(spec.seed, spec.epochs, spec.batch_size)
    learned = add_rehearsed(data, spec, model)
    return estimate(model, task, technique, learned, settings, engine, other)


def _measure_target(
    model: Model, task: Task, feeds: dict[str, Feed], engine: Engine
) -> dict[str, Any]:
    """Return what is known of the target without its labels."""
    seen = collect_outputs(model, feeds, engine)
    return {"validators": measure(seen), "domains": describe_domains(seen, task.classes)}


@contextmanager
def _open_recordings(
    model: Model, feeds: dict[str, Feed], engine: Engine, observer: Observer, recorded: bool
) -> Iterator[dict[str, Feed]]:
    """Yield the feeds, behind recordings if the last phase trained on a recording."""
    recorded = recorded and model.backbone.form != "finished"  # it has no head to cut off
    with ExitStack() as hooks:
        try:
            prefix = frozen_prefix.find(model, feeds["val"], engine) if recorded else None
            if prefix:
                feeds = {split: prefix.record(feed, observer) for split, feed in feeds.items()}
                hooks.enter_context(prefix.attach_hooks())
        except CannotCut as reason:
            observer.note(f"{model.backbone.name}: the whole network is evaluated, since {reason}.")
        yield feeds


def build_model(backbone: str, task: Task, pretrained: bool, seed: int) -> Model:
    """Open the backbone with the head of the task, new unless it is the pretrained one.

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
    """Open the backbone with the head of the task.

    Raises BackboneError if the head cannot read its features, or the network cannot read the
    encoded samples of the task.
    """
    opened = load_backbone(backbone, task.job(), pretrained)
    task.check(opened)
    return task.with_head(opened)


def _describe(spec: RunSpec, data: Data, task: Task, preprocess: Preprocess) -> dict[str, Any]:
    """Describe the data of a run.

    `cut` counts the samples of each split that the network does not read completely and `cut_words`
    says in which way, `unknown` is what its tokenizer does not know. Classes of the task that are
    not classes of the data, such as start and end of an answer, are left out.
    """
    counts = {split: len(samples) for split, samples in data.splits.items()}
    return {
        "path": spec.data["path"],
        "hash": spec.data["hash"],
        "counts": counts,
        "cut": {
            split: task.count_cut(samples, preprocess) for split, samples in data.splits.items()
        },
        "cut_words": task.cut_words,
        "unknown": _unknown(data, preprocess) if task.reads == "text" else {},
        "classes": list(task.classes) if data.classes else [],
        "notes": data.notes,
    }


def _unknown(data: Data, preprocess: Preprocess) -> dict[str, dict[str, Any]]:
    read = kind_named(data.kind).text
    texts = {split: [read(sample) for sample in samples] for split, samples in data.splits.items()}
    return {split: asdict(unknown_tokens(part, preprocess)) for split, part in texts.items()}


def _values(task: Task, evaluation: Evaluation) -> dict[str, float]:
    scores, targets = evaluation.scores, evaluation.targets
    values = {name: metric(scores, targets) for name, metric in task.watched.items()}
    return {"loss": evaluation.loss, **values}


def _run_baselines(task: Task, data: Data | None) -> dict[str, Any]:
    """Return the metrics and the words of each baseline; empty without data."""
    rows = run_baselines(task, data) if data else []
    return {
        "baseline": {row["baseline"]: row["metrics"]["test"] for row in rows},
        "baseline_words": {row["baseline"]: row["words"] for row in rows},
    }


def _cost(
    model: Model, position: Position, folder: Path, seconds: float, example_ms: float
) -> dict[str, Any]:
    weights = sum(
        file.stat().st_size
        for file in (folder / "model").rglob("*")
        if file.suffix in WEIGHTS and file.name != "probe.safetensors"
    )
    return {
        "train_seconds": round(position.train_seconds, 2),
        "total_seconds": round(seconds + position.shared_seconds, 2),
        "samples_per_second": round(position.examples / max(position.train_seconds, 1e-9), 1),
        "peak_memory_mb": round(position.peak_memory_mb),
        "trainable_parameters": position.trainable,
        "total_parameters": max(position.total, sum(p.numel() for p in model.parameters())),
        "model_mb": round(weights / 2**20, 2),
        "cache": {**position.cache, "shared_seconds": round(position.shared_seconds, 2)},
        "example_ms": round(example_ms, 2),
    }


def _frozen(position: Position) -> dict[str, Any]:
    phases = position.frozen
    return {
        "tensors": max((p["tensors"] for p in phases), default=0),
        "unchanged": all(p["unchanged"] for p in phases),
        "phases": phases,
    }


def _save_models(
    folder: Path, model: Model, task: Task, spec: RunSpec, val: Feed
) -> dict[str, str]:
    """Save the model, and of several tasks a model each; return where these lie, by their names."""
    rows = list(range(min(PROBES, len(val.pieces))))
    batch = next(val.stream([rows]))
    # safetensors holds no channels-last tensors.
    model.to("cpu", memory_format=torch.contiguous_format)
    _save_model(folder / "model", model, task, spec, batch)
    places = model_places(task)
    for name, place in places.items():
        part = task.alone(name)
        fresh = build_model(spec.backbone, part, False, spec.seed)
        _save_model(folder / place, part_model(model, task, name, fresh), part, spec, batch)
    return places


def _save_model(folder: Path, model: Model, task: Task, spec: RunSpec, batch: Batch) -> None:
    extra = {"task": task.name, "task_settings": task.settings()}
    extra |= {"technique": spec.technique, "run": spec.hash}
    model_folder.save(model, folder, task.job(), list(task.classes), extra, batch, task.problem)


@contextmanager
def _status(folder: Path):
    """Write into status.json how the run ended, whatever happens."""

    def write(state: str, message: str = "") -> None:
        files.write_json(folder / "status.json", {"state": state, "message": message})

    write("running")
    try:
        yield
    except KeyboardInterrupt:
        write("interrupted", "Stopped by the user. Go on with: graft resume")
        raise
    except Exception as error:
        with suppress(FolderError):  # on a full disk; the error itself says more
            write("failed", f"{type(error).__name__}: {error}")
        raise
    write("finished")


def _threads_of(folder: Path) -> int:
    """Return the threads the run began with, since the last bits of sums depend on them."""
    began = read_spec(folder) if (folder / "spec.json").exists() else {}
    return began.get("threads") or torch.get_num_threads()
