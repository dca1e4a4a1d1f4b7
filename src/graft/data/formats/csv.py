"""Comma-separated values and their kin."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

from graft.data.data import Data
from graft.data.formats.format import ReadOptions
from graft.data.tables.delimited import read_delimited, write_delimited
from graft.data.tables.files import TableFiles
from graft.data.tables.table import Table


class Csv(TableFiles):
    """A table of comma-separated values: texts or image paths, and labels; `;`, `|` or tabs too.

    One file, or a folder with train.csv, val.csv, test.csv. Fields may be quoted; a header may be
    there or not.
    """

    suffixes: ClassVar = (".csv",)
    sure: ClassVar = (0.98, 0.8)  # LJSpeech's metadata.csv has a form of its own

    def table(self, file: Path, options: ReadOptions) -> Table:
        return read_delimited(file, options, ",;\t|", csv.QUOTE_MINIMAL)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_delimited(data, path, ".csv", ",", csv.QUOTE_MINIMAL)
