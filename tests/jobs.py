"""What the tests ask a network to do, by the name of a task."""

from __future__ import annotations

from graft.base import plugins
from graft.base.job import Job


def job(task: str, outputs: int | None = None) -> Job:
    """The job of the task, its head with so many outputs; None is the head that the network has."""
    kind = plugins.load("task", task)
    return Job(task, kind.reads, next(iter(kind.heads)), outputs)
