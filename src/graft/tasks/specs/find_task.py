"""The task that data are for."""

from __future__ import annotations

from graft.base import plugins
from graft.base.errors import DataError
from graft.data.data import Data
from graft.tasks.specs.options import parse


def fitting_tasks(data: Data) -> list[str]:
    """The tasks whose roles the data have."""
    return [name for name in plugins.names("task") if parse(name)[0].fits(data.roles)]


def find_task(data: Data, task: str | None) -> str:
    """The task that the data are for; raises GraftError.

    It is the asked one with its options, or the one whose roles they have.
    """
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


def _advise(data: Data) -> str:
    """What to do about data that a task does not fit: files in folders have no columns to name."""
    fitting = " or ".join(f"--task {name}" for name in fitting_tasks(data))
    if fitting and not data.columns:
        return f"Use {fitting}."
    other = f", or use {fitting}" if fitting else ""
    return f"Name the columns: --columns role=name{other}."
