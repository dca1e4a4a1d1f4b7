"""The verbs of Graft: thin functions that connect the layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from graft.backbones.load import default_backbone, full_name, load_backbone
from graft.base import env, files
from graft.base.errors import DataError
from graft.base.locks import hold_lock
from graft.base.ranges import check_flag, check_path
from graft.data.checks import inspect as inspection
from graft.data.checks.inspect import Finding
from graft.data.data import Data
from graft.data.groups import describe_few_groups
from graft.data.load import load_data as read_data
from graft.data.splits import subsample
from graft.deploy import embedding
from graft.deploy.embedding import Embeddings
from graft.deploy.predictor import Predictor, is_saved
from graft.reports import report as reports
from graft.results import Run, Study
from graft.studies.arguments import (
    check_drawn,
    check_options,
    check_output_folder,
    check_same_run,
    check_settings,
    check_splits,
    check_techniques,
    check_unread,
    describe_repetitions,
    describe_techniques,
    read_forgetting,
    read_fractions,
    read_names,
    read_seeds,
    read_selection,
    read_words,
)
from graft.studies.plan import StudyPlan, plan_study
from graft.studies.question import AXES, Question, check_folder, default_folder
from graft.studies.reopen import reopen_data, reopen_question, reopen_spec
from graft.studies.run import estimate_run, execute
from graft.studies.spec import RunSpec, hash_folders
from graft.studies.study import run_study, slug
from graft.tasks.specs.find_task import find_task
from graft.tasks.specs.options import read_task, reading_for
from graft.tasks.specs.several import join_specs
from graft.tasks.task import Task
from graft.techniques.specs.combine import parse
from graft.training.engine import Engine
from graft.training.loop.estimate import RunEstimate
from graft.training.loop.stage import CHECKPOINT_SECONDS
from graft.training.observers import Observer

__all__ = [
    "Run",
    "Study",
    "check",
    "compare",
    "embed",
    "fit",
    "load",
    "load_backbone",
    "load_data",
    "resume",
]

TECHNIQUES = ("from-scratch", "feature-extraction", "lp-ft", "full-fine-tuning", "lora")
"""The techniques that `compare` compares by default."""


def load_data(source: Any, *, task: str | Sequence[str] | None = None, **options: Any) -> Data:
    """Read data and split them; `options` as of `graft.data.load.load_data`. Raises DataError.

    With `task`, the data are checked to have what it needs. Several tasks are the columns of their
    targets, as in `fit`.
    """
    check_options(options, load_data)
    task = join_specs(task)
    data = read_for(source, task, must_split=True, **options)
    find_task(data, task)
    return data


def read_for(source: Any, task: str | None, **options: Any) -> Data:
    """Read data as `load_data` does, even if they cannot be split: `problem` then says why.

    Raises DataError for data that cannot be read.
    """
    options = {"must_split": False, **options}
    task = join_specs(task)
    return read_data(source, **reading_for(task), **options)


def check(data: Any, **data_options: Any) -> list[Finding]:
    """List what is wrong or worth knowing about data that `fit` reads.

    Unreadable, empty and duplicate samples, leaks between splits, imbalance.
    """
    check_options(data_options, check)
    check_unread(data, data_options)
    data = data if isinstance(data, Data) else read_for(data, None, **data_options)
    return inspection.inspect(data)


def fit(
    data: Any,
    backbone: str | None = None,
    technique: str | None = None,
    *,
    task: str | Sequence[str] | None = None,
    seed: int = 0,
    epochs: float | None = None,
    batch_size: int | None = None,
    precision: str | None = None,
    weighted: bool = False,
    fraction: float = 1.0,
    shots: int | None = None,
    forgetting: str | Path | None = None,
    out: str | Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    dry_run: bool = False,
    observer: Observer | None = None,
    **data_options: Any,
) -> Run | RunEstimate:
    """Adapt a pretrained backbone to the data by a technique, evaluate it, and save the run.

    `data` is a path, `Data`, a frame or arrays. `backbone` is a spec such as `timm:resnet18`; by
    default the built-in backbone for this kind of data. `technique` is a spec such as `lora:r=4`;
    by default lp-ft, or lora if the task keeps the pretrained head. Several tasks are learned at
    once over one network if `task` lists the columns of their targets, each as COLUMN or
    COLUMN=TASK: `task=["stress", "severity=image-regression"]`. `epochs` None follows from the
    size of the data, `precision` None is what the machine computes natively. `forgetting` is the
    path of samples of what the network was pretrained on, on which its pretrained head is measured
    before and after: see `graft.studies.source_samples`. `out` is the folder of
    the run; a finished run in it is returned unchanged. With `dry_run`, nothing is written and the
    estimate of each phase is returned: what it trains, records and takes. `data_options` say how
    the data are read: see `load_data`. Raises GraftError.
    """
    observer = observer or Observer()
    check_options(data_options, fit)
    check_unread(data, data_options)
    asked = {
        "seed": seed,
        "fraction": fraction,
        "shots": shots,
        "epochs": epochs,
        "batch_size": batch_size,
        "weighted": weighted,
    }
    check_settings(asked, checkpoint_seconds)
    check_flag("dry_run", dry_run)
    task = join_specs(task)
    task, technique, backbone = read_words(task=task, technique=technique, backbone=backbone)
    out = None if out is None else check_path("out", out)
    loaded = data if isinstance(data, Data) else load_data(data, task=task, **data_options)
    base = _spec(loaded, task, data_options, shots, epochs, batch_size, precision, weighted)
    fitted = read_task(base.task, loaded, weighted=weighted)
    technique = technique or ("lp-ft" if fitted.fresh_head else "lora")
    backbone = full_name(backbone or base.backbone)
    asked = {"backbone": backbone, "technique": technique, "seed": seed, "fraction": fraction}
    source = read_forgetting(forgetting, fitted, loaded)
    spec = replace(base, **asked, folders=hash_folders([backbone], [technique]))
    spec = replace(spec, forgetting=source and source.to_json())
    drawn = subsample(loaded, fraction=fraction, shots=shots, seed=seed)
    check_drawn(drawn, loaded, base.task)
    check_techniques(spec.backbone, [technique], fitted, drawn, source, batch_size)
    _report_findings(loaded, observer)
    for note in describe_techniques([technique], drawn):
        observer.note(note)
    if dry_run:
        return estimate_run(spec, loaded)
    name = f"{slug(technique)}-{slug(spec.backbone.rpartition(':')[2])}-s{seed}-{spec.hash[:6]}"
    folder = out or default_home(loaded) / name
    check_output_folder(folder, loaded)
    check_same_run(folder, spec)
    result = execute(spec, loaded, folder, observer, checkpoint_seconds=checkpoint_seconds)
    return Run(folder, result)


def compare(
    data: Any,
    techniques: str | Sequence[str] | None = None,
    backbones: str | Sequence[str] | None = None,
    *,
    seeds: int | Sequence[int] = 3,
    fractions: Sequence[float] = (1.0,),
    shots: int | None = None,
    epochs: float | None = None,
    task: str | Sequence[str] | None = None,
    batch_size: int | None = None,
    precision: str | None = None,
    weighted: bool = False,
    jobs: int | None = None,
    selected_by: str | None = None,
    forgetting: str | Path | None = None,
    out: str | Path | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    command: str | None = None,
    dry_run: bool = False,
    observer: Observer | None = None,
    **data_options: Any,
) -> Study | StudyPlan:
    """Run every technique on every backbone for every seed and fraction.

    The controls that the techniques need and the baselines run too. Finished runs are kept,
    interrupted runs are resumed, failed runs are rows with their message. The study ends with a
    verdict and a report. `jobs` runs work at the same time, each with its share of the cores. The
    observer first gets an estimate of the time; with `dry_run`, this plan is returned and nothing
    is written.
    `selected_by` is what a technique is chosen by, see `graft list validators`; by default `val`,
    the validation split, and with another domain, `target=PATH`, a validator. `forgetting` is as in
    `fit`. `data_options` say how the data are read: see `load_data`. Raises GraftError.
    """
    observer = observer or Observer()
    check_options(data_options, compare)
    check_unread(data, data_options)
    seeds, fractions = read_seeds(seeds), read_fractions(fractions)
    asked = {
        "fraction": min(fractions),
        "shots": shots,
        "epochs": epochs,
        "batch_size": batch_size,
        "weighted": weighted,
    }
    check_settings(asked, checkpoint_seconds, jobs)
    check_flag("dry_run", dry_run)
    techniques, backbones = read_names("techniques", techniques), read_names("backbones", backbones)
    (task,) = read_words(task=join_specs(task))
    out = None if out is None else check_path("out", out)
    loaded = data if isinstance(data, Data) else load_data(data, task=task, **data_options)
    base = _spec(loaded, task, data_options, shots, epochs, batch_size, precision, weighted)
    selected_by = read_selection(selected_by, loaded)
    backbones = [full_name(name) for name in backbones or [base.backbone]]
    fitted = read_task(base.task, loaded, weighted=weighted)
    techniques = list(techniques or _default_techniques(fitted))
    for fraction in fractions:
        drawn = subsample(loaded, fraction=fraction, shots=shots, seed=seeds[0])
        check_drawn(drawn, loaded, base.task)
    drawn = subsample(loaded, fraction=max(fractions), shots=shots, seed=seeds[0])
    source = read_forgetting(forgetting, fitted, loaded)
    for backbone in dict.fromkeys(backbones):
        check_techniques(backbone, techniques, fitted, drawn, source, batch_size)
    axes = dict(zip(AXES, (techniques, backbones, seeds, fractions), strict=True))
    base = replace(base, folders=hash_folders(backbones, techniques))
    base = replace(base, forgetting=source and source.to_json())
    fields = {name: tuple(values) for name, values in axes.items()}
    command = command or "graft.compare(...)"
    question = Question(base, **fields, command=command, selected_by=selected_by)
    folder = out or default_folder(default_home(loaded), question)
    check_output_folder(folder, loaded)
    few = [*describe_techniques(techniques, drawn), describe_few_groups(loaded)]
    for note in filter(None, [*describe_repetitions(axes), *few]):
        observer.note(note)
    for note in check_folder(folder, question):
        observer.note(note)
    findings = _report_findings(loaded, observer)
    if dry_run:
        return plan_study(question, loaded, folder, jobs or _jobs(), observer)
    with hold_lock(folder):
        files.write_json(folder / "findings.json", [asdict(finding) for finding in findings])
        run_study(question, loaded, folder, jobs or _jobs(), observer, checkpoint_seconds)
        return open_study(folder)


def open_study(folder: str | Path) -> Study:
    """Open a study that was run before; its rows, verdict and report are written again."""
    folder = check_path("folder", folder)
    summary = reports.summarize(folder)
    return Study(folder, summary.rows, summary.verdict, reports.write(folder, summary))


def resume(
    folder: str | Path,
    observer: Observer | None = None,
    data: Any = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Run | Study:
    """Resume a run or a study that was stopped, from its last checkpoints.

    On the same machine it ends with the same weights as without the stop; each run uses as many
    threads as it began with. `data` are needed only if they were given from Python. Raises
    FolderError if the folder is neither a run nor a study, or if its data have changed.
    """
    folder, observer = check_path("folder", folder), observer or Observer()
    check_settings({}, checkpoint_seconds)
    if (folder / "study.json").exists():
        question, jobs = reopen_question(folder)
        loaded = reopen_data(question.base, folder, data, load_data)
        with hold_lock(folder):
            run_study(question, loaded, folder, jobs or _jobs(), observer, checkpoint_seconds)
            return open_study(folder)
    spec = reopen_spec(folder)
    loaded = reopen_data(spec, folder, data, load_data)
    result = execute(spec, loaded, folder, observer, checkpoint_seconds=checkpoint_seconds)
    return Run(folder, result)


def load(folder: str | Path, precision: str = "fp32") -> Predictor:
    """Open the trained model in a run folder or model folder. Raises FolderError."""
    return Predictor(folder, precision)


def embed(
    model: str | Path,
    inputs: Any,
    *,
    precision: str = "fp32",
    normalize: bool = False,
    **reading: Any,
) -> Embeddings:
    """Compute pooled features of texts, images or sounds, by a trained model or any backbone.

    `model` is a run folder, a model folder or the spec of a backbone; `inputs` are as in
    `Predictor.predict`, and `reading` says how files are read: `format`, `columns`, `header`,
    `delimiter`. Features are the input of the head: for a sentence encoder the standardized mean of
    the token states; if every token has features, their mean. `normalize` scales each vector to
    length 1. Raises GraftError.
    """
    if is_saved(model):
        predictor = load(model, precision)
        network, task = predictor.network, predictor.task
    else:
        network, task = embedding.open_pretrained(str(model))
    return embedding.embed(network, task, inputs, Engine(precision), normalize, reading)


def _spec(
    data: Data,
    task: str | None,
    options: dict[str, Any],
    shots: int | None,
    epochs: float | None,
    batch_size: int | None,
    precision: str | None,
    weighted: bool,
) -> RunSpec:
    """Make the spec that all runs on these data share, with the default backbone."""
    check_splits(data)
    name = find_task(data, task)
    asked = read_task(name, data)
    described = {
        "path": data.path,
        "folder": str(Path.cwd()),
        "hash": data.fingerprint(),
        "format": data.format,
        "options": options,
    }
    return RunSpec(
        data=described,
        task=name,
        backbone=asked.backbone or default_backbone(asked.reads),
        technique=TECHNIQUES[0],
        shots=shots,
        epochs=epochs,
        batch_size=batch_size,
        precision=Engine(precision).precision,
        weighted=weighted,
    )


def _default_techniques(task: Task) -> list[str]:
    """Return the techniques to compare, without those about a new head if the task has none."""
    return [name for name in TECHNIQUES if task.fresh_head or not parse(name).about_head]


def _jobs() -> int:
    """Return the runs at a time: one per accelerator; without any, one per two cores."""
    return env.accelerators() or max(1, env.cores() // 2)


def default_home(data: Data) -> Path:
    """Return the folder of what is trained on these data by default."""
    return Path("runs") / slug(Path(data.path).stem if data.path else "data")


def _report_findings(data: Data, observer: Observer) -> list[Finding]:
    """Report the notes and warnings of the data to the observer.

    Raises DataError if a finding is an error.
    """
    for note in data.notes:
        observer.note(note)
    findings = inspection.inspect(data)
    broken = [finding for finding in findings if finding.severity == "error"]
    if broken:
        raise DataError(" ".join(f.message for f in broken) + " All findings: graft check.")
    for finding in findings:
        if finding.severity == "warning":
            observer.note(finding.message)
    return findings
