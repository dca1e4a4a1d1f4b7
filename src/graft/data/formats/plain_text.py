"""Running text."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, file_splits, split_file
from graft.data.listing import is_about, note_left_out, samples_in
from graft.data.tables.encodings import read_text

LONGEST = 1500
"""Characters of a passage: some 300 to 500 tokens.

A network reads as many at once here, so that few passages are cut again."""
_ENDS = ("\n\n", "\n", ". ", " ")
"""The ends at which a passage may be cut, the best first."""


class PlainText:
    """Running text: one .txt file, or a folder with train.txt, val.txt, test.txt; in passages.

    Passages are parts of up to 1,500 characters which end where a paragraph does, or at least a
    line or a word. If nothing is held out, the last passages are: 5 % for the test, 5 % before them
    for validation.
    """

    suffixes: ClassVar = (".txt",)

    def sniff(self, path: Path) -> float:
        if path.is_file():
            return 0.3 * (path.suffix.lower() == ".txt")
        return 0.3 * bool(path.is_dir() and _files(path))

    def read(self, path: Path, options: ReadOptions) -> Data:
        files = {path: "all"} if path.is_file() else _files(path)
        if not files:
            raise DataError(
                f"{path} holds no running text: one .txt file, "
                "or several named by split: train.txt, test.txt."
            )
        splits: dict[str, list] = {}
        notes = _other_files(path, files) if path.is_dir() else []
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
                raise DataError(
                    f"{samples[0].id} is not a passage, and plain text holds nothing else."
                )
            text = "".join(sample.roles["passage"] for sample in samples)
            split_file(path, split, ".txt").write_text(text, encoding="utf-8", newline="")


def _files(folder: Path) -> dict[Path, str]:
    """File -> split, of the only .txt file, or of several named by split; else nothing."""
    files = samples_in(folder, PlainText.suffixes)
    if len(files) == 1:
        return {files[0]: "all"}
    named = file_splits(file.stem for file in files)
    return {file: named[file.stem] for file in files} if named else {}


def _other_files(folder: Path, used: Collection[Path]) -> list[str]:
    others = (p for p in sorted(folder.iterdir()) if p not in used and not is_about(p))
    return note_left_out([p.name for p in others if p.is_file()], "they are not the running text")


def passages(text: str, name: str) -> list[Sample]:
    """Samples with the role `passage`, named by the line on which each begins: `book.txt:17`.

    A passage ends at the last blank line of its second half, else at the end of a line, of a
    sentence, of a word; one of nothing but white space is part of the one before it.
    """
    parts: list[Sample] = []
    start = line = 0
    while start < len(text):
        end = _end(text, start)
        parts.append(Sample(f"{name}:{line + 1}", {"passage": text[start:end]}))
        line += text.count("\n", start, end)
        start = end
    return _with_unique_ids(parts)


def _end(text: str, start: int) -> int:
    """Return the end of the passage that starts at `start`."""
    furthest = start + LONGEST
    if furthest < len(text):
        places = (text.rfind(mark, start + LONGEST // 2, furthest) + len(mark) for mark in _ENDS)
        furthest = next((place for place in places if place > start + LONGEST // 2), furthest)
    rest = text[furthest:]
    blank = len(rest) - len(rest.lstrip()) if furthest < len(text) else 0
    if blank == len(rest):
        return len(text)
    return furthest + blank if text[furthest - 1 : furthest] == "\n" else furthest


def _with_unique_ids(samples: list[Sample]) -> list[Sample]:
    """Passages that begin on one line are numbered: `book.txt:17`, `book.txt:17.2`."""
    seen: dict[str, int] = {}
    named = []
    for sample in samples:
        seen[sample.id] = count = seen.get(sample.id, 0) + 1
        named.append(sample if count == 1 else Sample(f"{sample.id}.{count}", sample.roles))
    return named
