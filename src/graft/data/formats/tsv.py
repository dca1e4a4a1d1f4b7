"""Tab-separated values."""

from __future__ import annotations

import csv
from pathlib import Path

from graft.data.data import Data
from graft.data.delimited import read_delimited, write_delimited
from graft.data.format import ReadOptions
from graft.data.tables.rows import read_tables
from graft.data.tables.table import Table, sniff_tables

_SUFFIXES = (".tsv", ".tab")


class Tsv:
    """A table of tab-separated values; quotes are part of the text, unless rows only fit when they are not.

    One file, or a folder with train.tsv, val.tsv, test.tsv. A .txt file whose lines have tabs is read too.
    """

    def sniff(self, path: Path) -> float:
        if path.is_file() and path.suffix.lower() == ".txt":
            with open(path, "rb") as file:
                lines = file.read(4096).splitlines()[:-1]
            return 0.5 * (bool(lines) and all(b"\t" in line for line in lines if line))
        return min(sniff_tables(path, _SUFFIXES), 0.9)  # tags of tokens are written with tabs too: see the format conll

    def read(self, path: Path, options: ReadOptions) -> Data:
        return read_tables(path, options, _SUFFIXES, _read)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_delimited(data, path, ".tsv", "\t", csv.QUOTE_NONE)


def _read(file: Path, options: ReadOptions) -> Table:
    return read_delimited(file, options, "\t", csv.QUOTE_NONE)
