"""A task as a user names it, with its options: `text-classification:long=windows`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graft.base import plugins, specs
from graft.data.data import Data
from graft.data.kinds.kind import kind_named
from graft.tasks.task import Task


def parse(spec: str) -> tuple[type[Task], dict[str, Any]]:
    """The kind of task that a spec names, and its options; raises UnknownName, BadValue."""
    name, parameters = specs.parse(spec)
    kind = plugins.load("task", name)
    return kind, specs.values(kind, "task", name, parameters, ("head", *kind.options))


def kinds_of(task: type[Task]) -> list[str]:
    """The kinds of data that the task learns from, by name."""
    kinds = map(kind_named, plugins.names("kind"))
    return [k.name for k in kinds if any(task.fits({*inputs, k.target}) for inputs in k.inputs)]


def read_task(spec: str, data: Data, *, weighted: bool = False) -> Task:
    """The task that a spec names, with what it learns from the training split.

    Raises as `parse` and `Task.from_data`.
    """
    kind, options = parse(spec)
    return replace(kind.from_data(data, weighted=weighted), **options)
