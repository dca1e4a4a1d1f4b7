"""Texts in two languages, line by line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from graft.base.errors import DataError, listed
from graft.data.data import Data
from graft.data.formats.format import ReadOptions, split_file, split_of
from graft.data.listing import is_about, note_left_out
from graft.data.tables.encodings import is_blank, read_text
from graft.data.tables.rows import to_data
from graft.data.tables.table import Table

_LANGUAGE = re.compile(r"\.([a-z]{2}([-_][A-Za-z]{2,4})?|source|target|src|tgt)")
_NO_LANGUAGES = frozenset(
    (".gz", ".md", ".js", ".ts", ".py", ".rs", ".db", ".so", ".go", ".sh", ".xz")
)
"""Endings of two letters that files of another kind have."""
_FIRST = ("source", "src")


class Parallel:
    """Parallel files, each line a translation: `train.en`, `train.de`; `train.source`, `.target`.

    A folder of such files, named by split. Lines end at a line feed only. The source is the
    language that the folder's name has first (`en-de`), else the first in alphabetical order;
    `--columns source=de --columns target=en` sets it.
    """

    def sniff(self, path: Path) -> float:
        return 0.7 * bool(path.is_dir() and len(_stems(path)) > 0)

    def read(self, path: Path, options: ReadOptions) -> Data:
        stems = _stems(path) if path.is_dir() else {}
        if not stems:
            raise DataError(
                f"{path} holds no parallel files: two of one name with languages as endings, "
                "train.en and train.de."
            )
        languages = _direction(path, stems, options)
        chosen, others = _splits(stems)
        tables = {split: [_table(path, stem, languages)] for stem, split in chosen.items()}
        asked = dict(zip(("source", "target"), languages, strict=True)) if options.columns else {}
        data = to_data(tables, replace(options, columns=asked), kind="pairs")
        others = [f"{stem}.{language}" for stem in others for language in stems[stem]]
        return replace(
            data, notes=[*data.notes, *note_left_out(others, "another pair of files is that split")]
        )

    def write_tiny(self, data: Data, path: Path) -> None:
        for split, samples in data.splits.items():
            for role in ("source", "target"):
                if any(
                    set(s.roles) != {"source", "target"} or "\n" in s.roles[role] for s in samples
                ):
                    raise DataError(
                        f"{samples[0].id} and its like are not all "
                        "a source and a target of one line each."
                    )
                lines = "".join(f"{sample.roles[role]}\n" for sample in samples)
                split_file(path, split, f".{role}").write_text(lines, encoding="utf-8", newline="")


def _stems(folder: Path) -> dict[str, list[str]]:
    """Name without its ending -> the languages it is there in, if two or more."""
    stems: dict[str, list[str]] = {}
    for file in sorted(folder.iterdir()):
        language = _LANGUAGE.fullmatch(file.suffix)
        if language and file.suffix not in _NO_LANGUAGES and file.is_file() and not is_about(file):
            stems.setdefault(file.stem, []).append(language[1])
    return {stem: languages for stem, languages in stems.items() if len(languages) > 1}


def _direction(folder: Path, stems: dict[str, list[str]], options: ReadOptions) -> tuple[str, str]:
    """The languages of source and target. Raises DataError if there are several to choose from."""
    there = _order_languages(folder, sorted(set.intersection(*map(set, stems.values()))))
    asked = {role: name.removeprefix(".") for role, name in options.columns.items()}
    known = set(asked) <= {"source", "target"} and set(asked.values()) <= set(there)
    if not known or len(set(asked.values())) < len(asked) or (len(asked) < 2 and len(there) != 2):
        names = ", ".join(f".{language}" for language in there) or "none that every split has"
        raise DataError(
            f"Cannot tell which languages of {folder} are the source and the target. It has "
            f"{names}. Choose: --columns source=LANGUAGE --columns target=LANGUAGE."
        )
    rest = [language for language in there if language not in asked.values()]
    return asked.get("source") or rest.pop(0), asked.get("target") or rest.pop(0)


def _order_languages(folder: Path, languages: list[str]) -> list[str]:
    """A source first, then the languages in the order of the folder's name, if it has them."""
    named = [word for word in re.split(r"[^A-Za-z]+", folder.resolve().name) if word in languages]
    order = list(dict.fromkeys([*named, *languages]))
    return sorted(order, key=lambda language: language not in _FIRST)


def _splits(stems: dict[str, list[str]]) -> tuple[dict[str, str], list[str]]:
    """Name -> split, of each split the first; and the names left. A single pair is `all`."""
    meaning = {
        stem: next(filter(None, map(split_of, re.split(r"[-_. ]+", stem))), None)
        for stem in sorted(stems)
    }
    if len(meaning) == 1:
        return {stem: split or "all" for stem, split in meaning.items()}, []
    if unnamed := [stem for stem, split in meaning.items() if split is None]:
        raise DataError(
            f"The names of these parallel files do not say which split they are: "
            f"{listed(unnamed)}. Name them train, val and test, or move them."
        )
    chosen: dict[str, str] = {}
    for stem, split in meaning.items():
        if split not in chosen.values():
            chosen[stem] = split
    return chosen, [stem for stem in meaning if stem not in chosen]


def _table(folder: Path, stem: str, languages: tuple[str, str]) -> Table:
    """A row a line, a column a language. Raises DataError for another number of lines."""
    files = [folder / f"{stem}.{language}" for language in languages]
    texts, notes = zip(*map(_lines, files), strict=True)
    if len(texts[0]) != len(texts[1]):
        raise DataError(
            f"{files[0]} has {len(texts[0]):,} lines and {files[1]} has {len(texts[1]):,}. Line by "
            "line they must be translations of each other: fix the one in which lines are missing."
        )
    columns = dict(zip(languages, texts, strict=True))
    rows = range(1, len(texts[0]) + 1)
    return Table(
        files[0].name, columns, rows, notes=tuple(filter(None, notes)), languages=languages
    )


def _lines(file: Path) -> tuple[list[str], str | None]:
    """The lines of a file, and a note."""
    text, note = read_text(file)
    # str.splitlines would cut at U+2028 inside a text.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if is_blank(lines[-1]) else lines, note
