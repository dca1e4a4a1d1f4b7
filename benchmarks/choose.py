"""What a benchmark is asked for, and which rows of its table it runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from graft.base.errors import UnknownName


def make_parser(doc: str | None, name: str) -> argparse.ArgumentParser:
    """Return the parser of a benchmark on real data, with the arguments that all of them take."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(__file__).parent.parent.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=data, help="the folder of the data sets")
    out = Path("runs") / name
    parser.add_argument("--out", type=Path, default=out, help="where the runs are kept")
    parser.add_argument("--only", nargs="*", help="names of cases, or how they begin")
    words = "write the tables of what was run before, and run nothing"
    parser.add_argument("--print", action="store_true", help=words)
    return parser


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
