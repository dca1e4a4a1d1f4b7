"""The data of a run or study that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from graft.base.errors import FolderError
from graft.data.data import Data
from graft.studies.spec import RunSpec


def reopen_data(spec: RunSpec, folder: Path, data: Any, read: Callable[..., Data]) -> Data:
    """The data from which the run or study in the folder was started; raises FolderError if they have changed.

    `data` are they, or where they lie now, or None if they are where they were; `read` reads a path for a task.
    """
    if data is None and not spec.data["path"]:
        raise FolderError(
            f"The data of {folder} were given from Python. Give them again: graft.resume(folder, data=...)."
        )
    if not isinstance(data, Data):
        options = dict(spec.data["options"])
        if options.get("unlabeled"):
            options["unlabeled"] = _find_again(options["unlabeled"], spec, folder)
        place = _find_again(spec.data["path"], spec, folder) if data is None else data
        data = read(place, task=spec.task, **options)
    if data.fingerprint() != spec.data["hash"]:
        raise FolderError(
            f"The data {spec.data['path']} have changed since {folder} was started. Start again in another --out."
        )
    return data


def _find_again(path: str | Path, spec: RunSpec, folder: Path) -> Path:
    """The path as counted from the folder in which the run was started, or else from the current one."""
    began = Path(spec.data.get("folder", "."))
    for place in (began / path, Path(path)):
        if place.exists():
            return place
    raise FolderError(
        f"The data {path} of {folder} are not in {began}, where it was started, and not in {Path.cwd()}. Put them back, "
        "or give them: graft.resume(folder, data=...)."
    )
