"""Folders of text files."""

from __future__ import annotations

from pathlib import Path

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.folders.class_folders import ClassFolders, write_class_folders
from graft.data.formats.format import ReadOptions
from graft.data.tables.encodings import read_text


def _text(file: Path) -> tuple[str, str | None]:
    text, note = read_text(file)
    return text.strip(), note


_FOLDERS = ClassFolders("texts", frozenset((".txt",)), "text", _text)


class TextFolder:
    """One folder a class, its name the label, one .txt a sample: `spam/1.txt`.

    Inside `train`, `val`, `test` folders or not.
    """

    def sniff(self, path: Path) -> float:
        return _FOLDERS.sniff(path)

    def read(self, path: Path, options: ReadOptions) -> Data:
        return _FOLDERS.read(path, options)

    def write_tiny(self, data: Data, path: Path) -> None:
        write_class_folders(data, path, ".txt", _write_text)


def _write_text(sample: Sample, file: Path) -> None:
    if "text" not in sample.roles:
        raise DataError(f"{sample.id} has no text, and a text folder holds nothing else.")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sample.roles["text"], encoding="utf-8", newline="")
