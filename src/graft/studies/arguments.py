"""What a call of `fit` or `compare` asks for, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from graft.base.errors import BadValue, DataError, FolderError
from graft.base.ranges import COUNT, NOT_NEGATIVE, check_number, read_number
from graft.data.data import Data
from graft.studies.question import repetitions
from graft.studies.records import read_spec
from graft.studies.run import open_backbone
from graft.studies.spec import RunSpec
from graft.tasks.task import Task
from graft.techniques.specs.combine import canonical, parse


def check_numbers(
    settings: dict[str, Any], checkpoint_seconds: float, jobs: int | None = None
) -> None:
    """Raise BadValue for numbers that are out of range, before the data are read.

    Reading may take long.
    """
    for name, value in settings.items():
        read_number(RunSpec, name, value)
    check_number("checkpoint_seconds", checkpoint_seconds, float, NOT_NEGATIVE)
    if jobs is not None:
        check_number("jobs", jobs, int, COUNT)


def read_seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds that were asked for, by their number or one by one; raises BadValue."""
    if isinstance(seeds, Integral) and seeds >= 1:
        return list(range(seeds))
    if isinstance(seeds, str) or not isinstance(seeds, Iterable) or not (several := list(seeds)):
        raise BadValue(
            f"seeds must be a number from 1 on, or several seeds. Got {seeds!r} instead."
        )
    return [read_number(RunSpec, "seed", seed) for seed in several]


def read_fractions(fractions: Sequence[float]) -> list[float]:
    """The fractions that were asked for; raises BadValue."""
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
    """Raises DataError where `Data` made or changed in Python lack a split that a run needs."""
    empty = [split for split in ("train", "val", "test") if not data.splits.get(split)]
    if empty:
        raise DataError(
            f"{data.path or 'The data'} have no samples in {', '.join(empty)}. A run learns from "
            "train, chooses by val and is "
            "measured on test. Add samples, or let graft.load_data(data) cut what is not there "
            "from train."
        )


def check_techniques(backbone: str, techniques: Sequence[str], task: Task) -> None:
    """Raise GraftError for unknown names, and techniques not made for the network or the task.

    What is wrong is said before anything is written, and weights are fetched here once, not by
    several processes.
    """
    parsed = [parse(technique) for technique in techniques]
    network = open_backbone(backbone, task)
    for name, technique in zip(techniques, parsed, strict=True):
        technique.check(network, task)
        if task.fresh_head and "labeled" not in technique.streams:
            raise BadValue(
                f"{name!r} learns from texts without labels, and leaves the new head of "
                f"{task.name} untrained. Write: "
                f"'{name} then full-fine-tuning'."
            )


def describe_repetitions(axes: dict[str, list[Any]]) -> list[str]:
    """A note on each technique, backbone, seed and fraction that is asked for twice."""
    notes = repetitions("technique", axes["techniques"], canonical)
    return notes + [
        n
        for axis in ("backbones", "seeds", "fractions")
        for n in repetitions(axis[:-1], axes[axis])
    ]


def check_same_run(folder: Path, spec: RunSpec) -> None:
    """A folder that holds another run is not written over."""
    if not (folder / "spec.json").exists():
        return
    other = read_spec(folder)
    if other["hash"] != spec.hash:
        raise FolderError(
            f"{folder} holds another run ({other['technique']}, seed {other.get('seed')}). Choose "
            "another --out."
        )
