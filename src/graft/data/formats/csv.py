"""Comma-separated values and their kin."""

from __future__ import annotations

import csv
from pathlib import Path

from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.delimited import read_delimited, write_delimited
from graft.data.tables.rows import read_tables
from graft.data.tables.table import Table, sniff_tables


class Csv:
    """A table of comma-separated values with columns of texts or image paths and labels; `;`, `|` and tabs are found too.

    One file, or a folder with train.csv, val.csv, test.csv. Fields may be quoted; a header may be there or not.
    """

    def sniff(self, path: Path) -> float:
        return sniff_tables(path, (".csv",))

    def read(self, path: Path, options: ReadOptions) -> Data:
        return read_tables(path, options, (".csv",), _read)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_delimited(data, path, ".csv", ",", csv.QUOTE_MINIMAL)


def _read(file: Path, options: ReadOptions) -> Table:
    return read_delimited(file, options, ",;\t|", csv.QUOTE_MINIMAL)
