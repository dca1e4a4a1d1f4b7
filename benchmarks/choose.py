"""Which rows of its table a benchmark runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from graft.base.errors import UnknownName


class Named(Protocol):
    """A row of a benchmark's table."""

    name: str


Row = TypeVar("Row", bound=Named)


def choose(rows: Sequence[Row], kind: str, beginnings: Sequence[str] | None) -> list[Row]:
    """Return the rows whose names start with one of `beginnings`, or all rows if there are none.

    Raises UnknownName if no name starts with a beginning; the message calls a row `kind`.
    """
    names = [row.name for row in rows]
    for beginning in beginnings or ():
        if not any(name.startswith(beginning) for name in names):
            raise UnknownName.of(kind, beginning, names)
    return [row for row in rows if not beginnings or row.name.startswith(tuple(beginnings))]
