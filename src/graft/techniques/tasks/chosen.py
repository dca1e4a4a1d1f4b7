"""The names of tasks in the text of a setting."""

from __future__ import annotations

from collections.abc import Sequence

from graft.base.errors import UnknownName


def chosen_tasks(text: str, known: Sequence[str]) -> list[str]:
    """Return the tasks that a text names, each of which may have a comma in its name.

    Raises UnknownName.
    """
    names, name = [], ""
    for part in text.split(","):
        name = f"{name},{part}" if name else part
        if name.strip() in known:
            names.append(name.strip())
            name = ""
    if name.strip():
        raise UnknownName.of("task in 'tasks':", name.strip(), known)
    return names
