"""The JSON files of a run or a study, read with what every reader relies on checked.

Graft writes each of them whole, so that one which is cut, empty or of another form was damaged later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.base import files
from graft.base.errors import FolderError

SPEC = {"hash": str, "data": dict, "task": str, "backbone": str, "technique": str}
STATUS = {"state": str}
RESULT = {
    "task": str,
    "backbone": str,
    "technique": str,
    "seed": int,
    "data": dict,
    "metrics": dict,
    "primary_metric": str,
    "selected_by": str,
    "cost": dict,
}
STUDY = {
    "command": str,
    "data": dict,
    "task": str,
    "techniques": list,
    "backbones": list,
    "seeds": list,
    "fractions": list,
    "runs": list,
}
BASELINE = {"baseline": str, "metrics": dict}
FINDING = {"severity": str, "message": str}
Entries = dict[str, type]
"""The entries that an object has to have, and their types."""


def read_spec(folder: Path) -> dict[str, Any]:
    """What the run in the folder was asked to do; raises FolderError."""
    remedy = f"Delete {folder} and start this run again."
    return _checked(
        folder / "spec.json", files.read_json(folder / "spec.json", "a run", remedy), SPEC, remedy
    )


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of the run in the folder, None if it is not finished; raises FolderError."""
    path = folder / "result.json"
    remedy = f"Delete {path}, then give the command of this run again."
    return (
        _checked(path, files.read_json(path, "a run", remedy), RESULT, remedy)
        if path.exists()
        else None
    )


def read_status(folder: Path) -> dict[str, Any]:
    """How the run in the folder ended: empty if it never began, interrupted if that cannot be read."""
    path = folder / "status.json"
    try:
        return _checked(path, files.read_json(path, "a run"), STATUS, "") if path.exists() else {}
    except FolderError as error:
        return {"state": "interrupted", "message": str(error)}


def read_study(folder: Path) -> dict[str, Any]:
    """What the study in the folder compares; raises FolderError."""
    path = folder / "study.json"
    return _checked(path, files.read_json(path, "a study", _remedy(path)), STUDY, _remedy(path))


def read_baselines(folder: Path) -> list[dict[str, Any]]:
    """The rows of the baselines of a study, none if they have not run; raises FolderError."""
    return _read_rows(folder / "baselines.json", BASELINE)


def read_findings(folder: Path) -> list[dict[str, Any]]:
    """What the check of the data found, nothing if it was not written; raises FolderError."""
    return _read_rows(folder / "findings.json", FINDING)


def _read_rows(path: Path, entries: Entries) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows = files.read_json(path, "a study", _remedy(path))
    if not isinstance(rows, list):
        raise FolderError(f"{path} holds {_words(rows)} where a list belongs. {_remedy(path)}")
    return [_checked(path, row, entries, _remedy(path)) for row in rows]


def _remedy(path: Path) -> str:
    return f"Delete {path}, then give the command of this study again: finished runs are kept."


def _checked(path: Path, value: Any, entries: Entries, remedy: str) -> dict[str, Any]:
    """The value, an object with these entries; raises FolderError if it is another one."""
    if not isinstance(value, dict):
        raise FolderError(f"{path} holds {_words(value)} where an object belongs. {remedy}")
    for name, kind in entries.items():
        if name not in value:
            raise FolderError(f"{path} lacks {name!r}. {remedy}")
        if not isinstance(value[name], kind):
            raise FolderError(f"{path} has {_words(value[name])} as {name!r}. {remedy}")
    return value


def _words(value: Any) -> str:
    """The kind of a JSON value, as a user calls it."""
    kinds = {
        type(None): "null",
        bool: "true or false",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), "a number")
