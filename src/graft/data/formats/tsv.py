"""Tab-separated values."""

from __future__ import annotations

import csv
from pathlib import Path

from graft.data.data import Data
from graft.data.formats.folders.class_folders import is_about
from graft.data.formats.format import ReadOptions, file_splits
from graft.data.tables.delimited import read_delimited, write_delimited
from graft.data.tables.rows import read_files, read_tables
from graft.data.tables.table import Table, is_table, sniff_tables

_SUFFIXES, _TEXT = (".tsv", ".tab"), ".txt"


class Tsv:
    """A table of tab-separated values; quotes are part of the text, unless rows only fit when they are not.

    One file, or a folder with train.tsv, val.tsv, test.tsv. Files .txt whose lines have tabs are read too.
    """

    def sniff(self, path: Path) -> float:
        if path.is_file() and path.suffix.lower() == _TEXT:
            return 0.5 * _has_tabs(path)
        sure = min(sniff_tables(path, _SUFFIXES), 0.9)  # tags of tokens are written with tabs too: see the format conll
        return sure or 0.5 * bool(path.is_dir() and _texts(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        if path.is_dir() and not sniff_tables(path, _SUFFIXES):
            return read_files(path, _texts(path), options, _read)
        return read_tables(path, options, _SUFFIXES, _read)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_delimited(data, path, ".tsv", "\t", csv.QUOTE_NONE)


def _texts(folder: Path) -> list[Path]:
    """The .txt files that are named by split, where the lines of all of them have tabs; else none."""
    files = sorted(p for p in folder.iterdir() if is_table(p, (_TEXT,)) and not is_about(p))
    return files if file_splits(p.stem for p in files) and all(map(_has_tabs, files)) else []


def _has_tabs(file: Path) -> bool:
    with open(file, "rb") as opened:
        lines = opened.read(4096).splitlines()[:-1]
    return bool(lines) and all(b"\t" in line for line in lines if line)


def _read(file: Path, options: ReadOptions) -> Table:
    return read_delimited(file, options, "\t", csv.QUOTE_NONE)
