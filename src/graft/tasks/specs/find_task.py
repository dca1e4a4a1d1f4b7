"""The task that data are for."""

from __future__ import annotations

from dataclasses import replace

from graft.base import plugins
from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.kinds.several import part_data, parts_of
from graft.tasks.specs.options import parse
from graft.tasks.specs.several import PartSpec, join_parts, split_parts


def fitting_tasks(data: Data) -> list[str]:
    """The tasks whose roles the data have."""
    return [name for name in plugins.names("task") if parse(name)[0].fits(data.roles)]


def find_task(data: Data, task: str | None) -> str:
    """The task that the data are for; raises GraftError.

    It is the asked one with its options, or the one whose roles they have. Of several tasks each
    that is not named is found by its own data.
    """
    if task and (parts := split_parts(task)):
        return join_parts([_find_part(data, part) for part in parts])
    kinds = {spec: parse(spec)[0] for spec in ([task] if task else plugins.names("task"))}
    fitting = [spec for spec, kind in kinds.items() if kind.fits(data.roles)]
    if len(fitting) == 1:
        return fitting[0]
    has = ", ".join(sorted(data.roles)) or "nothing"
    if task:
        sets = (kinds[task].roles, *kinds[task].or_roles)
        missing = ", or ".join(", ".join(sorted(needed - data.roles)) for needed in sets)
        raise DataError(
            f"{task} needs {missing}, and {data.path or 'the data'} have {has}. {_advise(data)}"
        )
    words = "several tasks fit" if fitting else "no task fits"
    raise DataError(
        f"{data.path or 'The data'} have {has}: {words}. Choose one with --task: "
        f"{', '.join(fitting or kinds)}."
    )


def _find_part(data: Data, part: PartSpec) -> PartSpec:
    """One of several tasks, with its spec; raises DataError if the data have no such part."""
    samples = [s for split, some in data.splits.items() if split != "unlabeled" for s in some]
    names = parts_of(samples)
    if part.column not in names:
        has = ", ".join(map(repr, names)) or "none"
        raise DataError(
            f"{data.path or 'The data'} have no targets named {part.column!r}, but {has}. Read "
            "them with the same tasks: graft.load_data(..., task=[...])."
        )
    labeled = part_data(data, part.column)
    if not any(labeled.splits.values()):
        raise DataError(
            f"The task {part.column!r} has no label in {data.path or 'the data'}. Leave it out, or "
            "fill in its column."
        )
    if part.task and not parse(part.task)[0].fits(labeled.roles):
        raise _does_not_fit(labeled, part)
    return replace(part, task=find_task(labeled, part.task))


def _does_not_fit(data: Data, part: PartSpec) -> DataError:
    """The error for one of several tasks that reads or predicts something else than there is."""
    missing, column = parse(part.task)[0].roles - data.roles, part.column
    fitting = " or ".join(f"--task {column}={name}" for name in fitting_tasks(data))
    advice = f"Write {fitting}" if fitting else "Leave it out"
    return DataError(
        f"The task {part.task.partition(':')[0]} of {column!r} needs {', '.join(sorted(missing))}, "
        f"and {data.path or 'the data'} have {', '.join(sorted(data.roles))}. {advice}."
    )


def _advise(data: Data) -> str:
    """What to do about data that a task does not fit: files in folders have no columns to name."""
    fitting = " or ".join(f"--task {name}" for name in fitting_tasks(data))
    if fitting and not data.columns:
        return f"Use {fitting}."
    other = f", or use {fitting}" if fitting else ""
    return f"Name the columns: --columns role=name{other}."
