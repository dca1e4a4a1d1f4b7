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
    """The rows whose names begin so, all for none; raises UnknownName, calling a row `kind`, if no name begins so."""
    names = [row.name for row in rows]
    for beginning in beginnings or ():
        if not any(name.startswith(beginning) for name in names):
            raise UnknownName.of(kind, beginning, names)
    return [row for row in rows if not beginnings or row.name.startswith(tuple(beginnings))]
