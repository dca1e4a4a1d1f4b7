"""From columns to samples: which column is the label, which the text or image, and what is wrong with the rows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.columns import Roles, guess_roles, is_missing
from graft.data.data import Data
from graft.data.folders import is_about, is_hidden, left_out
from graft.data.format import ReadOptions, file_splits, splits_of
from graft.data.images import SUFFIXES
from graft.data.language_columns import language_columns
from graft.data.language_tables import language_samples

MAX_LISTED = 10


@dataclass(frozen=True)
class Table:
    """A table in memory: its columns, all of one length, by name, and where each row stands, for messages."""

    name: str
    columns: dict[str, list[Any]]
    rows: Sequence[int]
    """The line of a text file, else the number of the row, from 1."""
    header: bool = True
    class_names: dict[str, list[str]] = field(default_factory=dict)
    """Column -> the names of its classes, where the file itself says what its numbers mean."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def row_id(self, row: int) -> str:
        return f"{self.name}:{self.rows[row]}"


def sniff_tables(path: Path, suffixes: Sequence[str]) -> float:
    """1 for a file of these suffixes, 0.8 for a folder that holds one."""
    if path.is_file():
        return float(path.suffix.lower() in suffixes)
    return 0.8 * any(_is_table(p, suffixes) for p in path.iterdir()) if path.is_dir() else 0.0


def read_tables(path: Path, options: ReadOptions, suffixes: Sequence[str], read: Any) -> Data:
    """The samples of the file `path`, or of the tables in the folder `path` that are named by split.

    `read(file, options) -> Table` reads one file. Raises DataError.
    """
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if _is_table(p, suffixes))
    return read_files(path, files, options, read)


def read_files(path: Path, files: list[Path], options: ReadOptions, read: Any) -> Data:
    """The samples of these tables, which are `path` itself or lie in it."""
    named = file_splits(f.stem for f in files)
    if named is None and len(files) > 1:
        listed = ", ".join(f.name for f in files[:MAX_LISTED]) + (", ..." if len(files) > MAX_LISTED else "")
        raise DataError(
            f"{path} holds several tables whose names do not say which split each is: {listed}. "
            f"Name them train, val and test, or give the path of one: {files[0]}."
        )
    tables: dict[str, list[Table]] = {}
    for file in files:
        split = named[file.stem] if named and path.is_dir() else "all"
        tables.setdefault(split, []).append(read(file, options))
    data = to_data(tables, options, path if path.is_dir() else path.parent)
    notes = _other_files(path, files) if path.is_dir() else []
    return replace(data, notes=[*data.notes, *notes])


def to_data(tables: dict[str, list[Table]], options: ReadOptions, folder: Path | None = None) -> Data:
    """The samples of tables by split, their columns' roles decided once for all; image paths are relative to `folder`."""
    notes = list(dict.fromkeys(note for parts in tables.values() for t in parts for note in t.notes))
    labeled = {split: parts for split, parts in tables.items() if split != "unlabeled"} or tables
    first = labeled.get("train", next(iter(labeled.values())))[0]
    parts = [table for split in labeled.values() for table in split]
    if language := language_columns(first.columns, options, first.name, {name for table in parts for name in table.columns}):
        called = next((t.class_names[c] for t in parts for c in language.columns.values() if c in t.class_names), None)
        found, said = language_samples(tables, language, options, called or _class_list(folder))
        return Data(found, notes=[*notes, *said])
    roles = guess_roles(first.columns, first.header, options, first.name)
    names = _class_names(labeled, roles, folder)
    base = _image_folder(first, roles, folder)
    splits: dict[str, list[Sample]] = {}
    for split, parts in tables.items():
        for table in parts:
            found = _samples(table, roles, options, names, base, needs_label=options.labels and split != "unlabeled")
            _check_labels(table, found, roles, options, split)
            for name, samples in _by_split_column(table, roles, split, found).items():
                splits.setdefault(name, []).extend(samples)
    if names:
        shown = ", ".join(f"{label} = {name}" for label, name in islice(names.items(), 3))
        roles.notes.append(f"Labels are shown by their names: {shown}{', ...' if len(names) > 3 else ''}.")
    if base is not None and folder is not None and base != folder:
        roles.notes.append(f"Image paths are relative to {base.name}/.")
    return Data({split: samples for split, samples in splits.items() if samples}, notes=[*notes, *roles.notes])


def check_rows(name: str, widths: Sequence[int], rows: Sequence[int], expected: int) -> None:
    """Raises DataError naming the rows that have another number of fields than `expected`."""
    ragged = [(row, width) for row, width in zip(rows, widths, strict=True) if width != expected]
    if ragged:
        listed = ", ".join(f"{name}:{row} ({width})" for row, width in ragged[:MAX_LISTED])
        more = f" and {len(ragged) - MAX_LISTED} more" if len(ragged) > MAX_LISTED else ""
        raise DataError(
            f"{name} has {expected} columns, but {len(ragged):,} of its rows have another number of fields: {listed}{more}. "
            "Mend those rows (a text that holds the delimiter needs quotes), or name the right one with --delimiter."
        )


def table_rows(data: Data) -> dict[str, list[dict[str, Any]]]:
    """Split -> rows with a column a role, for the formats that write tables; answers and messages as Hugging Face has them."""
    return {split: [_row(sample) for sample in samples] for split, samples in data.splits.items()}


def _row(sample: Sample) -> dict[str, Any]:
    if isinstance(prompt := sample.roles.get("prompt"), tuple):
        said = [] if sample.roles.get("completion") is None else [{"role": "assistant", "content": sample.roles["completion"]}]
        rest = {role: value for role, value in sample.roles.items() if role not in ("prompt", "completion")}
        return {**rest, "messages": [*prompt, *said]}
    answers = sample.roles.get("answers")
    if answers is None:
        return dict(sample.roles)
    return {**sample.roles, "answers": {"text": [text for text, _ in answers], "answer_start": [start for _, start in answers]}}


def _is_table(file: Path, suffixes: Sequence[str]) -> bool:
    return file.is_file() and file.suffix.lower() in suffixes and not is_hidden(file)


def _other_files(folder: Path, used: list[Path]) -> list[str]:
    others = [p.name for p in sorted(folder.iterdir()) if p.is_file() and p not in used]
    return left_out(
        [n for n in others if not is_about(Path(n)) and Path(n).suffix.lower() not in SUFFIXES],
        "they are other than the tables read",
    )


def _samples(
    table: Table, roles: Roles, options: ReadOptions, names: dict[str, str], base: Path | None, *, needs_label: bool
) -> list[Sample]:
    needed = (roles.image, roles.label if needs_label else None, roles.group if "group" in options.columns else None)
    absent = [column for column in (*roles.text, *filter(None, needed)) if column not in table.columns]
    if absent:
        raise DataError(
            f"{table.name} has no column {' or '.join(repr(c) for c in absent)}. Its columns: {', '.join(table.columns)}. "
            "All tables need the same columns; a table without labels must be named unlabeled."
        )
    labels, groups = (table.columns.get(column) if column else None for column in (roles.label, roles.group))
    samples = []
    for row in range(len(table)):
        values: dict[str, Any] = {}
        if roles.text:
            values["text"] = " ".join(_words(table.columns[c][row]) for c in roles.text)
        if roles.image:
            values["image"] = _image(table.columns[roles.image][row], base)
        label = None if labels is None else _label(labels[row], options.label_separator)
        values["label"] = tuple(names.get(x, x) for x in label) if isinstance(label, tuple) else names.get(label, label)
        if groups is not None and not is_missing(groups[row]):
            values["group"] = str(_plain(groups[row]))
        samples.append(Sample(table.row_id(row), values))
    return samples


def _check_labels(table: Table, samples: list[Sample], roles: Roles, options: ReadOptions, split: str) -> None:
    if not options.labels or split == "unlabeled" or roles.label is None:
        return
    bad = [s.id for s in samples if s.roles["label"] is None]
    if bad:
        listed = ", ".join(bad[:MAX_LISTED]) + (f" and {len(bad) - MAX_LISTED} more" if len(bad) > MAX_LISTED else "")
        raise DataError(
            f"{len(bad):,} of {len(samples):,} rows of {table.name} have no label in the column {roles.label!r}: {listed}. "
            "Fill them in, remove the rows, or move them to a table named unlabeled."
        )


def _by_split_column(table: Table, roles: Roles, split: str, samples: list[Sample]) -> dict[str, list[Sample]]:
    if roles.split is None or split != "all":
        return {split: samples}
    values = [str(v).strip() for v in table.columns[roles.split]]
    meaning = splits_of(set(values))
    found: dict[str, list[Sample]] = {}
    for value, sample in zip(values, samples, strict=True):
        found.setdefault(meaning[value], []).append(sample)
    return found


def _words(value: Any) -> str:
    return "" if is_missing(value) else str(value)


def _image(value: Any, base: Path | None) -> Any:
    if isinstance(value, dict):  # the image column of Hugging Face's datasets
        value = value.get("bytes") or value.get("path")
    if isinstance(value, list):
        return np.asarray(value)
    if isinstance(value, str):
        return base / value if base else Path(value)
    return value


def _label(value: Any, separator: str | None) -> str | tuple[str, ...] | None:
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(dict.fromkeys(str(_plain(v)) for v in value))
    if separator is not None:
        parts = [] if is_missing(value) else [part.strip() for part in str(value).split(separator)]
        return tuple(dict.fromkeys(part for part in parts if part))
    return None if is_missing(value) else str(_plain(value))


def _plain(value: Any) -> Any:
    """3.0 -> 3: a column of whole numbers becomes one of fractions as soon as one of them is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    return value.strip() if isinstance(value, str) else value


def _image_folder(table: Table, roles: Roles, folder: Path | None) -> Path | None:
    """What image paths are relative to: the table's folder, or the one folder in it where the first image is."""
    if roles.image is None or folder is None:
        return None
    first = next((v for v in table.columns[roles.image] if isinstance(v, str)), None)
    if first is None or (folder / first).exists():
        return folder
    return next((p for p in sorted(folder.iterdir()) if p.is_dir() and (p / first).exists()), folder)


def _class_names(tables: dict[str, list[Table]], roles: Roles, folder: Path | None) -> dict[str, str]:
    """Label -> readable name, where a column, the file itself or a classes.json says so one to one; else nothing."""
    if roles.label is None:
        return {}
    parts = [table for split in tables.values() for table in split if roles.label in table.columns]
    labels = [[_label(v, None) for v in table.columns[roles.label]] for table in parts]
    known = {label for column in labels for label in column if isinstance(label, str)}
    if roles.label_name:
        pairs = {
            (label, str(name).strip())
            for table, column in zip(parts, labels, strict=True)
            for label, name in zip(column, table.columns.get(roles.label_name, []), strict=False)
            if isinstance(label, str) and not is_missing(name)
        }
        names = dict(sorted(pairs, key=lambda pair: (len(pair[0]), pair[0])))
        if len(pairs) == len(names) == len(set(names.values())) == len(known):
            return {} if all(k == v for k, v in names.items()) else names
    listed = next((t.class_names[roles.label] for t in parts if t.class_names.get(roles.label)), None) or _class_list(folder)
    if (
        not listed
        or len(set(listed)) < len(listed)
        or not known
        or not all(k.isdecimal() and int(k) < len(listed) for k in known)
    ):
        return {}
    return {str(i): name for i, name in enumerate(listed)}


def _class_list(folder: Path | None) -> list[str]:
    """The names in `classes.json`, by number: a list of names, a list of {label, name}, or a dict of number to name."""
    file = folder / "classes.json" if folder else None
    if file is None or not file.is_file():
        return []
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is not JSON: {error}. Mend or remove it.") from error
    if isinstance(found, dict):
        found = [found.get(str(i)) for i in range(len(found))]
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in found]
    return names if all(isinstance(name, str) for name in names) else []
