"""Running text."""

from __future__ import annotations

from pathlib import Path

from graft.base.errors import DataError
from graft.data.data import Data
from graft.data.formats.folders.class_folders import is_about, is_hidden
from graft.data.formats.format import ReadOptions, file_splits, split_file
from graft.data.formats.text.passages import passages
from graft.data.tables.encodings import read_text


class PlainText:
    """Running text: one .txt file, or a folder with one, or with train.txt, val.txt, test.txt; read in passages.

    Passages are parts of up to 1,500 characters which end where a paragraph does, or at least a line or a word. Where nothing
    is held out, the last passages are: 5 % for the test, 5 % before them for validation.
    """

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return 0.3 * (path.suffix.lower() == ".txt")
        return 0.3 * bool(path.is_dir() and _files(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = {path: "all"} if path.is_file() else _files(path)
        if not files:
            raise DataError(f"{path} holds no running text: one .txt file, or several named by split: train.txt, test.txt.")
        splits: dict[str, list] = {}
        notes = []
        for file, split in files.items():
            text, note = read_text(file)
            notes += [note] if note else []
            if not text.strip():
                raise DataError(f"{file} holds nothing but white space.")
            splits.setdefault(split, []).extend(passages(text, file.name))
        return Data(splits, notes=notes, kind="passages")

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            if any("passage" not in sample.roles for sample in samples):
                raise DataError(f"{samples[0].id} is no passage, and plain text holds nothing else.")
            text = "".join(sample.roles["passage"] for sample in samples)
            split_file(path, split, ".txt").write_text(text, encoding="utf-8", newline="")


def _files(folder: Path) -> dict[Path, str]:
    """File -> split, of the only .txt file, or of several that are named by split; none where there are texts in folders."""
    found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() == ".txt" and p.is_file() and not is_hidden(p)]
    found = [p for p in found if not is_about(p)]
    if len(found) == 1:
        return {found[0]: "all"}
    named = file_splits(p.stem for p in found)
    return {file: named[file.stem] for file in found} if named else {}
