"""Check the arguments of `fit` and `compare` before anything is written."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from numbers import Integral
from pathlib import Path
from typing import Any

from graft.backbones.backbone import Backbone
from graft.base import files, plugins
from graft.base.counts import plural
from graft.base.errors import BadValue, DataError, FolderError, UnknownName, listed
from graft.base.ranges import (
    COUNT,
    NOT_NEGATIVE,
    check_flag,
    check_number,
    check_path,
    check_word,
    read_number,
)
from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.load import load_data
from graft.data.unlabeled import describe_few_unlabeled
from graft.studies.forgetting import check_forgetting
from graft.studies.question import repetitions
from graft.studies.records import read_spec, read_status
from graft.studies.run import open_backbone
from graft.studies.source_samples import SourceSamples, read_source_samples
from graft.studies.spec import RunSpec
from graft.tasks.specs.options import read_task
from graft.tasks.task import Task
from graft.techniques.specs.combine import canonical, first_of, parse
from graft.training.checkpoint import checkpoint_path
from graft.training.feeds.streams import check_lengths, check_unlabeled
from graft.training.validators.validator import USUAL, VAL, check_selection

MOST_SEEDS = 1_000
"""Runs of one cell; more than anybody waits for."""
_NOT_ASKED = (
    "source", "data", "must_split", "reading", "data_options", "kinds", "labels",
    "others", "parts",
)  # fmt: skip
"""Parameters of functions that are not options for reading data."""


OURS = {"spec.json", "study.json", "status.json", "findings.json"}
"""Files of which a run or a study writes one before anything else."""


def check_options(options: Mapping[str, Any], verb: Callable[..., Any]) -> None:
    """Raise UnknownName for an option that neither the `verb` nor `load_data` has."""
    parameters = inspect.signature(verb).parameters
    reading = {*inspect.signature(load_data).parameters, *(f.name for f in fields(ReadOptions))}
    for name in options:
        if name not in reading or name in _NOT_ASKED:
            known = {*parameters, *reading}.difference(_NOT_ASKED)
            raise UnknownName.of(f"option of graft.{verb.__name__}:", name, known)


def check_unread(data: Any, options: Mapping[str, Any]) -> None:
    """Raise BadValue for options that would have no effect, since the data are read already."""
    if options and isinstance(data, Data):
        raise BadValue(
            f"{', '.join(options)} only count where data are read, and these are Data, which are "
            "read already. Give them to graft.load_data instead."
        )


def check_settings(
    settings: Mapping[str, Any], checkpoint_seconds: float, jobs: int | None = None
) -> None:
    """Raise BadValue for settings out of range, before the data are read, which may take long."""
    for name, value in settings.items():
        if name == "weighted":
            check_flag(name, value)
        else:
            read_number(RunSpec, name, value)
    if settings.get("shots") is not None and settings.get("fraction", 1.0) < 1:
        raise BadValue(
            f"shots={settings['shots']} and a fraction of {settings['fraction']:g} both say how "
            "many examples are trained on. Give one of them."
        )
    check_number("checkpoint_seconds", checkpoint_seconds, float, NOT_NEGATIVE)
    if jobs is not None:
        check_number("jobs", jobs, int, COUNT)


def read_words(**words: Any) -> list[str | None]:
    """Return the given specs by name; a path is a spec too. Raises BadValue."""
    return [None if word is None else _read_word(name, word) for name, word in words.items()]


def read_names(what: str, names: Any) -> list[str] | None:
    """Return the given techniques or backbones, one or several; raises BadValue."""
    if names is None:
        return None
    several = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    return [_read_word(f"each of {what}", name) for name in several]


def _read_word(name: str, word: Any) -> str:
    return check_word(name, os.fspath(word) if isinstance(word, os.PathLike) else word)


def read_seeds(seeds: int | Sequence[int]) -> list[int]:
    """Return the seeds, given as a number of seeds or one by one; raises BadValue."""
    if isinstance(seeds, Integral) and 1 <= seeds <= MOST_SEEDS:
        return list(range(seeds))
    is_several = isinstance(seeds, Iterable) and not isinstance(seeds, str)
    if not is_several or not (several := list(seeds)):
        raise BadValue(
            "seeds must be a number from 1 on, at most "
            f"{MOST_SEEDS:,}, or several seeds. Got {seeds!r} instead."
        )
    return [read_number(RunSpec, "seed", seed) for seed in several]


def read_fractions(fractions: Sequence[float]) -> list[float]:
    """Return the given fractions; raises BadValue."""
    if (
        isinstance(fractions, str)
        or not isinstance(fractions, Iterable)
        or not (several := list(fractions))
    ):
        raise BadValue(
            f"fractions must be several numbers, as (0.1, 1.0). Got {fractions!r} instead."
        )
    return [read_number(RunSpec, "fraction", fraction) for fraction in several]


def check_splits(data: Data) -> None:
    """Raise DataError if `Data` made or changed in Python lack a split that a run needs."""
    empty = [split for split in ("train", "val", "test") if not data.splits.get(split)]
    if empty:
        raise DataError(
            f"{data.path or 'The data'} have no samples in {', '.join(empty)}. A run "
            "learns from train, chooses by val and is measured on test. Add "
            "samples, or let graft.load_data(data) cut what is not there from train."
        )


def check_drawn(drawn: Data, whole: Data, task: str) -> None:
    """Raise DataError if the task cannot be learned from what is drawn of the training samples."""
    count, total = (len(data.splits["train"]) for data in (drawn, whole))
    if count == total:
        return
    try:
        read_task(task, drawn)
    except DataError as error:
        raise DataError(
            f"{task} cannot be learned from the {plural(count, 'sample')} drawn out of {total:,} "
            f"training samples: {str(error).partition('. ')[0]}. Use a larger fraction, or more "
            "shots."
        ) from error


def read_forgetting(
    path: str | os.PathLike[str] | None, task: Task, data: Data
) -> SourceSamples | None:
    """Read the samples on which forgetting is measured; raises DataError if they are the data."""
    if path is None:
        return None
    path = check_path("forgetting", path)
    if data.path and files.expand_home(path).resolve() == Path(data.path).resolve():
        raise DataError(
            f"--forgetting {path} is the data themselves, from which the network learns. Name "
            "samples of what it was pretrained on."
        )
    return read_source_samples(path, task.reads)


def check_techniques(
    backbone: str,
    techniques: Sequence[str],
    task: Task,
    data: Data,
    source: SourceSamples | None = None,
    batch_size: int | None = None,
) -> None:
    """Raise GraftError for unknown names, and techniques not made for the network, task or data.

    So it does if the network has no pretrained head that can be measured on `source`.

    What is wrong is said before anything is written, and weights are fetched here once, not by
    several processes.
    """
    parsed = [parse(technique) for technique in techniques]
    network = open_backbone(backbone, task)
    if data.target:
        _check_domains(network, task)
    check_forgetting(network, source, parsed)
    for name, technique in zip(techniques, parsed, strict=True):
        technique.check(network, task)
        for part in technique.parts:
            check_unlabeled(part, data)
            check_lengths(part, data, task, batch_size)
        if task.fresh_head and not technique.learns_labels:
            is_first = any(part.transfer == "unsupervised" for part in technique.parts)
            spec = f"{name} then full-fine-tuning" if is_first else f"full-fine-tuning then {name}"
            raise BadValue(
                f"{name!r} learns from samples without labels, and leaves the new head "
                f"of {task.name} untrained. Write: '{spec}'."
            )


def describe_techniques(techniques: Sequence[str], data: Data) -> list[str]:
    """Say what is probably not meant, or seldom pays, with these techniques and data."""
    return [
        *describe_order(techniques),
        *describe_unused(techniques, data),
        *describe_few(techniques, data),
    ]


def describe_order(techniques: Sequence[str]) -> list[str]:
    """Say which techniques end with a part that changes the layers below a trained head alone."""
    notes = []
    for technique in techniques:
        *earlier, last = parse(technique).parts
        if earlier and last.transfer == "unsupervised" and not last.learns_labels:
            name = plugins.name_of(type(first_of(last)))
            notes.append(
                f"{technique!r} ends with {name!r}, which changes the layers below the head and "
                "not the head. Let a technique follow that learns the task."
            )
    return notes


def describe_unused(techniques: Sequence[str], data: Data) -> list[str]:
    """Say that no technique learns from the samples without labels, if there are some."""
    count = len(data.splits.get("unlabeled", ()))
    parts = (part for technique in techniques for part in parse(technique).parts)
    streams = [stream for part in parts for stream in part.streams().values()]
    if data.target or not count or any(s.passages or "unlabeled" in s.splits for s in streams):
        return []
    return [
        f"{', '.join(techniques)}: nothing is learned from the {plural(count, 'sample')} without "
        "labels. 'graft list techniques --kind unsupervised' names what learns from them."
    ]


def describe_few(techniques: Sequence[str], data: Data) -> list[str]:
    """Say that there are few samples without labels, if a technique learns from these."""
    parts = (part for technique in techniques for part in parse(technique).parts)
    streams = [stream for part in parts for stream in part.streams().values()]
    words = describe_few_unlabeled(data)
    return [words] if words and any("unlabeled" in stream.splits for stream in streams) else []


def _check_domains(network: Backbone, task: Task) -> None:
    """Raise BadValue if validators cannot measure the network: they need features and classes."""
    if task.gives != "classes" or task.multi_label or network.form != "vector":
        raise BadValue(
            f"Adaptation to another domain needs examples with one class and one vector of "
            f"features each, which {task.name} with {network.name} does not give. Leave out the "
            "target, or use data with one class each and another backbone."
        )


def read_selection(asked: str | None, data: Data) -> str:
    """Return what techniques are chosen by: a validator where there is a target, else `val`.

    Raises UnknownName, BadValue for a validator without a target, and DataError for a target
    without labels.
    """
    chosen = USUAL if data.target else VAL
    if asked is not None:
        chosen = check_selection(check_word("selected_by", asked))
    if chosen != VAL and not data.target:
        raise BadValue(
            f"The validator {chosen!r} looks at another domain, and there is none. Give one: "
            "graft adapt SOURCE TARGET, or leave it out."
        )
    if data.target == "unlabeled":
        raise DataError(
            "The target has no labels, so techniques cannot be compared there. Use graft adapt, "
            "which chooses one and predicts."
        )
    return chosen


def describe_repetitions(axes: dict[str, list[Any]]) -> list[str]:
    """Note each technique, backbone, seed and fraction that is given twice."""
    notes = repetitions("technique", axes["techniques"], canonical)
    return notes + [
        n
        for axis in ("backbones", "seeds", "fractions")
        for n in repetitions(axis[:-1], axes[axis])
    ]


def check_output_folder(folder: Path, data: Data) -> None:
    """Raise FolderError for a folder in which a run or a study would do harm.

    That is the folder of the data or one within it, and a folder that holds other things.
    """
    place = folder.absolute().resolve()
    source = Path(data.path).absolute().resolve() if data.path else None
    if source and (place == source or source in place.parents):
        raise FolderError(
            f"{folder} lies in the data {data.path}, which could not be read as data again. Choose "
            "a folder outside of them with --out."
        )
    try:
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    except PermissionError as error:
        raise FolderError(
            f"{folder} cannot be used: {error.strerror}. Choose another folder with --out."
        ) from error
    names = [name for name in names if not name.startswith(".")]
    if names and not {*names} & OURS:
        raise FolderError(
            f"{folder} holds other files: {listed(names, 5)}. "
            "Choose a new or an empty folder with --out."
        )


def check_same_run(folder: Path, spec: RunSpec) -> None:
    """Raise FolderError if the folder holds another run, or a study.

    A run that failed before anything of it was kept leaves its folder to the next one.
    """
    if (folder / "study.json").exists():
        raise FolderError(f"{folder} holds a study. Choose another folder for a run with --out.")
    if not (folder / "spec.json").exists():
        return
    other = read_spec(folder)
    if other["hash"] != spec.hash and not _kept_nothing(folder):
        raise FolderError(
            f"{folder} holds another run: "
            f"{'; '.join(_differences(other, spec))}. Choose another --out."
        )


def _kept_nothing(folder: Path) -> bool:
    """Whether the run in the folder failed without a result and without a checkpoint."""
    kept = (folder / "result.json", checkpoint_path(folder))
    failed = read_status(folder).get("state") == "failed"
    return failed and not any(map(Path.exists, kept))


def _differences(there: Mapping[str, Any], spec: RunSpec) -> list[str]:
    """List how the run of a spec.json differs from the requested run."""
    changed = ["other data"] if there["data"].get("hash") != spec.data["hash"] else []
    changed += ["another model folder"] if there.get("folders", {}) != spec.folders else []
    named = [field.name for field in fields(spec) if field.name not in ("data", "folders")]
    return changed + [
        f"{name} {there.get(name)}, not {getattr(spec, name)}"
        for name in named
        if there.get(name) != getattr(spec, name)
    ]
