"""What formats share whose files are tables: one file, or a folder of files that are named by split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.folders.class_folders import is_hidden
from graft.data.formats.format import ReadOptions
from graft.data.tables.rows import read_files
from graft.data.tables.table import Table


class TableFiles(ABC):
    """A format whose files are tables; it says which files are its own and reads one of them."""

    suffixes: ClassVar[tuple[str, ...]]
    sure: ClassVar[tuple[float, float]] = (1.0, 0.8)
    """How sure it is of a file and of a folder, from 0 to 1."""
    kind: ClassVar[str | None] = None
    """The kind of data in such files, where the format says it."""
    form: ClassVar[str] = ""
    """What such files hold, for messages."""

    def sniff(self, path: Path) -> float:
        return self.sure[path.is_dir()] * bool(self.files(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else self.files(path)
        if not files:
            raise DataError(f"{path} holds no files ending in {' or '.join(self.suffixes)}{self.form}.")
        return read_files(path, files, options, self.table, self.kind)

    def files(self, path: Path) -> list[Path]:
        """The tables at a path: the file itself, or those in a folder that the system did not put there."""
        if path.is_file():
            return [path] if self.is_one(path) else []
        there = sorted(path.iterdir()) if path.is_dir() else []
        return [file for file in there if file.is_file() and not is_hidden(file) and self.is_one(file)]

    def is_one(self, file: Path) -> bool:
        """Whether the file is such a table, by its name and its beginning."""
        return file.suffix.lower() in self.suffixes

    @abstractmethod
    def table(self, file: Path, options: ReadOptions) -> Table:
        """The table in a file. Raises DataError, BadValue."""
