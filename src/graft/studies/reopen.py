"""The question and the data of a run or study that goes on, if it began with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from graft.base.errors import BadValue, FolderError, UnknownName
from graft.data.data import Data
from graft.studies.question import Question
from graft.studies.records import GO_ON, STUDY_AGAIN, read_spec, read_study
from graft.studies.spec import RunSpec

_CHANGED = (
    "{path} was changed after it was written: what it asks for has another hash than it says. Put "
    "back what it was, or delete {path}, {remedy}."
)


def reopen_spec(folder: Path) -> RunSpec:
    """Read the spec of the run in the folder; raises FolderError if it was changed."""
    content = read_spec(folder)
    spec = RunSpec.from_json(content)
    if spec.hash != content["hash"]:
        raise FolderError(_CHANGED.format(path=folder / "spec.json", remedy=GO_ON))
    return spec


def reopen_question(folder: Path) -> tuple[Question, int | None]:
    """Read the question of the study in the folder, and the number of runs at a time.

    Raises FolderError if that has been changed.
    """
    content = read_study(folder)
    question = Question.from_json(content)
    if {run.hash for run in question.runs()} != set(content["runs"]):
        raise FolderError(_CHANGED.format(path=folder / "study.json", remedy=STUDY_AGAIN))
    return question, content.get("jobs")


def reopen_data(spec: RunSpec, folder: Path, data: Any, read: Callable[..., Data]) -> Data:
    """The data from which the run or study in the folder was started.

    `data` are they, or where they lie now, or None if they are where they were; `read` reads a path
    for a task. Raises FolderError if they have changed.
    """
    if data is None and not spec.data["path"]:
        raise FolderError(
            f"The data of {folder} were given from Python. "
            "Give them again: graft.resume(folder, data=...)."
        )
    if not isinstance(data, Data):
        options = dict(spec.data["options"])
        for name in ("unlabeled", "target"):
            if options.get(name):
                options[name] = _find_again(options[name], spec, folder)
        place = _find_again(spec.data["path"], spec, folder) if data is None else data
        try:
            data = read(place, task=spec.task, **options)
        except (BadValue, UnknownName) as error:
            raise FolderError(
                f"{folder} cannot go on, since the options by which it read its data are not "
                f"allowed: {error} They stand in spec.json or study.json under 'data.options', and "
                "were changed there. Put back what they were."
            ) from error
    if data.fingerprint() != spec.data["hash"]:
        raise FolderError(
            f"The data {spec.data['path']} have changed since {folder} was started. "
            "Start again in another --out."
        )
    return data


def _find_again(path: str | Path, spec: RunSpec, folder: Path) -> Path:
    """The path as counted from the folder in which the run was started, or else from here."""
    began = Path(spec.data.get("folder", "."))
    for place in (began / path, Path(path)):
        if place.exists():
            return place
    raise FolderError(
        f"The data {path} of {folder} are not in {began}, where it was started, and not in "
        f"{Path.cwd()}. Put them back, or give them: graft.resume(folder, data=...)."
    )
