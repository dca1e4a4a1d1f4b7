"""The question of a study: the techniques, backbones, seeds and fractions that it compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from graft.base import env
from graft.base.errors import FolderError
from graft.base.ranges import read_number
from graft.studies.alone import alone_techniques
from graft.studies.records import read_baselines, read_study
from graft.studies.spec import RunSpec
from graft.techniques.specs.combine import canonical, controls_of, models_of
from graft.training.validators.validator import VAL

SETTINGS = ("task", "shots", "epochs", "batch_size", "precision", "weighted")
"""The settings that all runs of a study share besides the data. Another value: another study."""
AXES = ("techniques", "backbones", "seeds", "fractions")
"""The settings that may extend a study; its finished runs are kept."""
BASELINES = "baselines"
"""The folder of a study that holds the predictions of its baselines."""


@dataclass(frozen=True)
class Question:
    """What a study compares; `base` holds what all its runs share."""

    base: RunSpec
    techniques: tuple[str, ...]
    backbones: tuple[str, ...]
    seeds: tuple[int, ...]
    fractions: tuple[float, ...]
    command: str
    selected_by: str = VAL
    """The validator by which a technique is chosen; `val` is the metric of the validation split."""

    def __post_init__(self) -> None:
        # One run listed twice would count as two seeds; its twin would wait for the folder's lock.
        object.__setattr__(self, "techniques", distinct(self.techniques, canonical))
        object.__setattr__(self, "backbones", distinct(self.backbones))
        for axis, name in (("seeds", "seed"), ("fractions", "fraction")):
            numbers = [read_number(RunSpec, name, value) for value in getattr(self, axis)]
            object.__setattr__(self, axis, distinct(numbers))

    def runs(self) -> list[RunSpec]:
        """The specs of all runs, those of the controls that the techniques need among them.

        Of several tasks each is learned alone, too.
        Seeds change last, so that every technique has a result early.
        """
        asked = set(map(canonical, self.techniques))
        needed = (each.technique for name in self.techniques for each in controls_of(name))
        controls = [name for name in dict.fromkeys(needed) if name not in asked]
        alone = alone_techniques(self.techniques, self.base.task)
        more = [name for name in alone if name not in asked]
        techniques = (*controls, *self.techniques, *more)
        cells = product(self.seeds, self.fractions, self.backbones, techniques)
        return [self._run(*cell) for cell in cells]

    def _run(self, seed: int, fraction: float, backbone: str, technique: str) -> RunSpec:
        read = {backbone, *models_of(technique)}
        folders = {name: digest for name, digest in self.base.folders.items() if name in read}
        asked = {"seed": seed, "fraction": fraction, "backbone": backbone, "technique": technique}
        return replace(self.base, folders=folders, **asked)

    @property
    def identity(self) -> str:
        """16 hexadecimal digits of the data and the settings, which make it this study."""
        asked = [self.base.data["hash"], *(getattr(self.base, name) for name in SETTINGS)]
        if self.base.forgetting:
            asked.append(self.base.forgetting["hash"])
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        runs = self.runs()
        return {
            "schema": 1,
            "command": self.command,
            "data": self.base.data,
            "techniques": list(dict.fromkeys(run.technique for run in runs)),
            "backbones": list(self.backbones),
            "seeds": list(self.seeds),
            "fractions": list(self.fractions),
            "selected_by": self.selected_by,
            **{name: getattr(self.base, name) for name in SETTINGS},
            "forgetting": self.base.forgetting,
            "folders": self.base.folders,
            "runs": [run.hash for run in runs],
            "versions": env.versions(),
            "hardware": env.hardware(),
        }

    @classmethod
    def from_json(cls, about: dict[str, Any]) -> Question:
        """The question that a study.json holds."""
        base = RunSpec.from_json(
            {**about, "backbone": about["backbones"][0], "technique": about["techniques"][0]}
        )
        axes = {axis: tuple(about[axis]) for axis in AXES}
        selected_by = about.get("selected_by", VAL)
        return cls(base, **axes, command=about["command"], selected_by=selected_by)


def distinct(values: Iterable[Any], key: Callable[[Any], Hashable] = lambda value: value) -> tuple:
    """The values in their order; of those with equal keys, only the first."""
    first: dict[Hashable, Any] = {}
    for value in values:
        first.setdefault(key(value), value)
    return tuple(first.values())


def repetitions(
    kind: str, values: Iterable[Any], key: Callable[[Any], Hashable] = lambda value: value
) -> list[str]:
    """A sentence for each value that equals an earlier one."""
    first: dict[Hashable, Any] = {}
    notes = []
    for value in values:
        if key(value) in first:
            earlier = first[key(value)]
            same = "was asked for twice" if value == earlier else f"is the same as {earlier}"
            notes.append(f"The {kind} {value} {same}; it is run once.")
        first.setdefault(key(value), value)
    return list(distinct(notes))


def default_folder(home: Path, question: Question) -> Path:
    """`home/compare` with the settings in its name; with the identity if that is taken."""
    base = question.base
    counts = [
        f"{name}-{getattr(base, name):g}" for name in ("shots", "epochs") if getattr(base, name)
    ]
    counts += [f"batch-{base.batch_size}"] if base.batch_size else []
    folder = home / "-".join(["compare", *counts, *(["weighted"] if base.weighted else [])])
    if differences(folder, question):
        return folder.with_name(f"{folder.name}-{question.identity[:6]}")
    return folder


def differences(folder: Path, question: Question) -> list[str]:
    """List how the study in the folder differs from this one; empty without one."""
    if not (folder / "study.json").exists():
        return []
    about = read_study(folder)
    changed = ["other data"] if about["data"].get("hash") != question.base.data["hash"] else []
    there, here = about.get("forgetting") or {}, question.base.forgetting or {}
    if there.get("hash") != here.get("hash"):
        changed.append("other samples to measure forgetting on")
    named = ((name, about.get(name), getattr(question.base, name)) for name in SETTINGS)
    return changed + [f"{name} {there}, not {here}" for name, there, here in named if there != here]


def check_folder(folder: Path, question: Question) -> list[str]:
    """Raise FolderError if the folder holds another study or a run; return notes on other runs."""
    if (folder / "spec.json").exists():
        raise FolderError(f"{folder} holds a run. Choose another folder for a study with --out.")
    if changed := differences(folder, question):
        raise FolderError(
            f"{folder} holds another study: {'; '.join(changed)}. Choose another folder with --out."
        )
    if not (folder / "study.json").exists():
        return []
    earlier = set(read_study(folder)["runs"])
    left_out = len(earlier - {run.hash for run in question.runs()})
    if not left_out:
        return []
    return [
        f"{left_out} of the runs in {folder} belong to an earlier comparison and are not asked for "
        "now. The report leaves them out. To see them in it, ask for their techniques, backbones, "
        "seeds and fractions as well."
    ]


def baseline_questions(
    question: Question, folder: Path
) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The questions that baselines answer, one for each training split, with their answers so far.

    A question holds all that decides what a baseline learns and is measured on. Its answers are the
    rows of the folder's baselines.json that hold the same; none if predictions of theirs are lost.
    """
    base, rows = question.base, read_baselines(folder)
    common = {
        "data": base.data["hash"],
        "task": base.task,
        "weighted": base.weighted,
        "shots": base.shots,
    }
    whole = base.shots is None
    cells = [
        (f, s)
        for f in question.fractions
        for s in (question.seeds[:1] if f == 1.0 and whole else question.seeds)
    ]
    asked = [{**common, "fraction": fraction, "seed": seed} for fraction, seed in cells]
    answers = [[row for row in rows if all(row.get(k) == one[k] for k in one)] for one in asked]
    return [
        (one, answer if all(_has_predictions(row, folder) for row in answer) else [])
        for one, answer in zip(asked, answers, strict=True)
    ]


def _has_predictions(row: dict[str, Any], folder: Path) -> bool:
    return (folder / BASELINES / row["predictions"]).is_file()
