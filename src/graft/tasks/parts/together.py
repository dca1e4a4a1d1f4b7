"""Which tasks can be learned together, and their rows side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graft.base import plugins
from graft.base.errors import BadValue

if TYPE_CHECKING:
    from graft.tasks.task import Task

LEARNED = {"classes": "classes", "number": "numbers", "tags": "tags of words"}
"""What a task gives that can be learned with others -> the words for it."""


def check_together(parts: Mapping[str, Task]) -> str | None:
    """Return the head that is asked for, if one is.

    Raises BadValue for tasks that one network cannot learn together.
    """
    for name, part in parts.items():
        check_learned(name, type(part))
    reads = {part.reads: name for name, part in parts.items()}
    if len(reads) > 1:
        words = " and ".join(f"{name!r} reads {what}" for what, name in reads.items())
        raise BadValue(f"Tasks over one network read the same, and {words}. Give tasks that do.")
    heads = sorted({part.head for part in parts.values() if part.head})
    if len(heads) > 1:
        raise BadValue(
            f"Tasks over one network have one kind of head, and {', '.join(heads)} are asked for. "
            "Give the same to all."
        )
    return next(iter(heads), None)


def check_learned(name: str, part: type[Task]) -> None:
    """Raise BadValue for a task that is not learned with others."""
    if part.gives not in LEARNED:
        raise BadValue(
            f"{name!r} is for {part.name}, which is not learned with other tasks yet: these share "
            "one linear layer on the features of a network, which does not give what it needs. "
            f"Give tasks for {', '.join(LEARNED.values())}, and train {name!r} alone: "
            f"--task {part.name} --columns {part.target_role}={name}."
        )


def open_part(part: Task | Mapping[str, Any]) -> Task:
    """Return the task itself, or the one of which these are the settings."""
    if not isinstance(part, Mapping):
        return part
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in part["settings"].items()
    }
    return plugins.load("task", part["task"])(**settings)


def records_of(columns: Mapping[str, Sequence[Any]], count: int) -> list[dict[str, Any]]:
    """Turn a sequence for each task into a dict for each of `count` examples."""
    return [{name: values[row] for name, values in columns.items()} for row in range(count)]


def join_decoded(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Join the rows of `Task.decode` of each task: what each says, by its name.

    `confidence` is the lowest; those of the tasks are the `confidences`.
    """
    joined: dict[str, Any] = {}
    for name, row in parts.items():
        for key, value in row.items():
            joined.setdefault("confidences" if key == "confidence" else key, {})[name] = value
    if sure := joined.get("confidences"):
        joined["confidence"] = min(sure.values())
    return joined


def part_row(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the row of one task in such a row."""
    values = {k: v[name] for k, v in row.items() if isinstance(v, dict) and name in v}
    return {"confidence" if key == "confidences" else key: value for key, value in values.items()}
