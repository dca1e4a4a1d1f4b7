"""What formats of tables share: one file, or a folder of files named by split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, folder_splits, split_word
from graft.data.listing import is_about, is_hidden, subfolders
from graft.data.tables.rows import read_files
from graft.data.tables.table import Table

IN_SPLITS = 0.95
"""The confidence for tables in folders named by split: higher than for pictures next to them."""


class TableFiles(ABC):
    """A format whose files are tables; it says which files are its own and reads one of them."""

    suffixes: ClassVar[tuple[str, ...]]
    sure: ClassVar[tuple[float, float]] = (1.0, 0.8)
    """The confidence for a file and for a folder, from 0 to 1."""
    kind: ClassVar[str | None] = None
    """The kind of data in such files, where the format says it."""
    form: ClassVar[str] = ""
    """The content of such files, for messages."""

    def sniff(self, path: Path) -> float:
        files = self.files(path)
        if not files:
            return 0.0
        return self.sure[path.is_dir()] if files[0].parent in (path, path.parent) else IN_SPLITS

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = [path] if path.is_file() else self.files(path)
        if not files:
            raise DataError(
                f"{path} holds no files ending in {' or '.join(self.suffixes)}{self.form}."
            )
        return read_files(path, files, options, self.table, self.kind)

    def files(self, path: Path) -> list[Path]:
        """The tables at a path: the file itself, those in a folder or in its split folders."""
        if path.is_file():
            return [path] if self.is_one(path) else []
        if not path.is_dir() or (files := self._files_in(path)):
            return files if path.is_dir() else []
        named = folder_splits(folder.name for folder in subfolders(path))
        files = [file for name in named for file in self._files_in(path / name)]
        # The state.json that datasets.save_to_disk writes is no table.
        files = [file for file in files if not is_about(file)]
        return files if {file.parent.name for file in files} == set(named) else []

    def _files_in(self, folder: Path) -> list[Path]:
        """The tables, and other splits of them: a damaged one is not left out in silence."""
        files = (file for file in sorted(folder.iterdir()) if file.suffix.lower() in self.suffixes)
        there = [file for file in files if file.is_file() and not is_hidden(file.name)]
        names = {file: split_word(file.stem) for file in there}
        tables = {file for file in names if self.is_one(file)}
        alike = {names[file][1] for file in tables if names[file][0]}
        return [
            file
            for file, (split, rest) in names.items()
            if file in tables or (split and rest in alike)
        ]

    def is_one(self, file: Path) -> bool:
        """Whether the file is such a table, by its name and its beginning."""
        return file.suffix.lower() in self.suffixes

    @abstractmethod
    def table(self, file: Path, options: ReadOptions) -> Table:
        """The table in a file. Raises DataError, BadValue."""
