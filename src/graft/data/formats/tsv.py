"""Tab-separated values."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

from graft.data.data import Data
from graft.data.formats.format import ReadOptions, file_splits
from graft.data.listing import samples_in
from graft.data.tables.delimited import read_delimited, write_delimited
from graft.data.tables.encodings import is_blank, read_beginning
from graft.data.tables.files import TableFiles
from graft.data.tables.table import Table


class Tsv(TableFiles):
    """A table of tab-separated values; quotes are text, unless rows only fit if they are not.

    One file, or a folder with train.tsv, val.tsv, test.tsv. Files .txt whose lines have tabs are
    read too.
    """

    suffixes: ClassVar = (".tsv", ".tab")
    sure: ClassVar = (0.9, 0.8)  # tags of tokens are written with tabs too: see the format conll

    def sniff(self, path: Path) -> float:
        return super().sniff(path) if super().files(path) else 0.5 * bool(self.files(path))

    def files(self, path: Path) -> list[Path]:
        """The tables; without any, .txt files that are named by split and whose lines have tabs."""
        return super().files(path) or _texts(path)

    def table(self, file: Path, options: ReadOptions) -> Table:
        return read_delimited(file, options, "\t", csv.QUOTE_NONE)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_delimited(data, path, ".tsv", "\t", csv.QUOTE_NONE)


def _texts(path: Path) -> list[Path]:
    """The .txt files at a path whose lines have tabs; of a folder, if all are named by split."""
    if path.is_dir():
        files = samples_in(path, (".txt",))
        is_named = file_splits(file.stem for file in files) is not None
    else:
        files, is_named = [path], path.suffix.lower() == ".txt" and path.is_file()
    return files if is_named and all(map(_has_tabs, files)) else []


def _has_tabs(file: Path) -> bool:
    lines = read_beginning(file, 4096).split("\n")[:-1]
    filled = [line for line in lines if not is_blank(line)]
    return bool(filled) and all("\t" in line for line in filled)
