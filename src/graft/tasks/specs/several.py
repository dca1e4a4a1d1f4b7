"""Several tasks as a user names them: `stress + severity=image-regression:robust=true`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graft.base import plugins
from graft.base.errors import BadValue
from graft.tasks.parts.together import check_learned

MULTI = "multi-task"
"""The task that is made of several."""
_PLUS = " + "


@dataclass(frozen=True)
class PartSpec:
    """One of several tasks: the column of its target and the spec of its task.

    Without a spec the task is guessed by the content of the column.
    """

    column: str
    task: str | None = None

    @property
    def text(self) -> str:
        """The part as a user writes it."""
        return self.column if self.task is None else f"{self.column}={self.task}"


def join_specs(task: Any) -> Any:
    """Return one spec of a task that is asked for as one or several; raises BadValue.

    A single one stays as it is.
    """
    if task is None or isinstance(task, str):
        return task
    if not isinstance(task, Sequence) or not all(isinstance(each, str) for each in task):
        return task
    if not task:
        raise BadValue("task is an empty list. Name the task, or leave it out to have it found.")
    if len(task) == 1:
        return task[0]
    return join_parts(split_parts(_PLUS.join(task)))


def split_parts(spec: str) -> list[PartSpec]:
    """Return the tasks that a spec names, none if it names a single one; raises BadValue."""
    parts = [_read_part(part.strip()) for part in spec.split(_PLUS)]
    if len(parts) == 1:
        if parts[0].task is not None:
            column, task = parts[0].column, parts[0].task
            raise BadValue(
                f"{spec!r} names one column and its task. Give one more --task, or for this one "
                f"alone: --task {task} --columns {_role(task)}={column}."
            )
        return []
    for number, part in enumerate(parts):
        if not part.column:
            raise BadValue(f"{spec!r} has a task without a column. Write: 'stress + severity'.")
        if part.task is None and part.column.partition(":")[0] in plugins.names("task"):
            raise BadValue(
                f"{part.column!r} is a task without a column, beside other tasks. Write the column "
                f"of its target before it: --task COLUMN={part.column}."
            )
        if part.task is not None:
            check_learned(part.column, plugins.load("task", part.task.partition(":")[0]))
        if part.column in [other.column for other in parts[:number]]:
            raise BadValue(
                f"The task {part.column!r} is asked for twice. Leave out one of them; a task is "
                "named by the column of its target."
            )
    return parts


def name_of(spec: str) -> str:
    """Return the name of the task that a spec is of, without options."""
    return MULTI if split_parts(spec) else spec.partition(":")[0]


def join_parts(parts: Sequence[PartSpec]) -> str:
    """Return the spec of these tasks."""
    return _PLUS.join(part.text for part in parts)


def _read_part(text: str) -> PartSpec:
    """A column, or COLUMN=TASK: the last part behind a `=` that is a task with its options."""
    names = "|".join(map(re.escape, sorted(plugins.names("task"), key=len, reverse=True)))
    match = re.fullmatch(rf"(?P<column>.+)=(?P<task>(?:{names})(?::.*)?)", text)
    return PartSpec(match["column"].strip(), match["task"]) if match else PartSpec(text)


def _role(task: str) -> str:
    kind = plugins.load("task", task.partition(":")[0])
    return kind.target_role
