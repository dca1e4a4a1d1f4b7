"""A task as a user names it, with its options: `text-classification:long=windows`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graft.base import plugins, specs
from graft.base.errors import UnknownName
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.data.parts import Wanted
from graft.tasks.specs.several import MULTI, split_parts
from graft.tasks.task import Task


def parse(spec: str) -> tuple[type[Task], dict[str, Any]]:
    """The kind of task that a spec names, and its options; raises UnknownName, BadValue.

    Those of several tasks are read when these are made.
    """
    if split_parts(spec):
        return plugins.load("task", MULTI), {}
    name, parameters = specs.parse(spec)
    if name not in plugins.names("task"):
        raise _unknown_task(name)
    kind = plugins.load("task", name)
    return kind, specs.values(kind, "task", name, parameters, ("head", *kind.options))


def kinds_of(task: type[Task]) -> list[str]:
    """The kinds of data that the task learns from, by name."""
    kinds = map(kind_named, plugins.names("kind"))
    return [k.name for k in kinds if any(task.fits({*inputs, k.target}) for inputs in k.inputs)]


def reading_for(spec: str | None) -> dict[str, Any]:
    """How data are read for a task: its kinds, or the target of each of several tasks."""
    if spec is None:
        return {}
    if parts := split_parts(spec):
        return {"parts": {p.column: p.task and wanted_by(parse(p.task)[0]) for p in parts}}
    return {"kinds": kinds_of(parse(spec)[0])}


def wanted_by(task: type[Task]) -> Wanted:
    """What is read of a table for one of several tasks."""
    return Wanted(task.target_role, kinds_of(task))


def read_task(spec: str, data: Data, *, weighted: bool = False) -> Task:
    """The task that a spec names, with what it learns from the training split.

    Raises as `parse` and `Task.from_data`.
    """
    if parts := split_parts(spec):
        asked = {part.column: part.task for part in parts}
        return plugins.load("task", MULTI).of_parts(asked, data, weighted=weighted)
    kind, options = parse(spec)
    return replace(kind.from_data(data, weighted=weighted), **options)


def _unknown_task(name: str) -> UnknownName:
    """The error for a name that is no task, which may be that of a column."""
    error = UnknownName.of("task", name, plugins.names("task"), see="graft list tasks")
    if "Did you mean" in str(error):
        return error
    words, _, see = str(error).rpartition(" See: ")
    column = f"For the column {name!r}: --columns label={name}, or one more --task beside it."
    return UnknownName(f"{words} {column} See: {see}")
