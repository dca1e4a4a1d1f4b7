"""Make samples of tables: rows by role, and errors that name the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from graft.base.counts import plural
from graft.base.errors import DataError, listed
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.formats.format import (
    SPLIT_NAMES,
    ReadOptions,
    file_splits,
    folder_splits,
    split_word,
    splits_of,
)
from graft.data.images.open import has_image_suffix
from graft.data.kinds.kind import kind_named
from graft.data.listing import is_about, note_left_out
from graft.data.sounds.open import has_sound_suffix
from graft.data.tables.cells import as_text, is_missing, one_spelling, plain
from graft.data.tables.columns import choose
from graft.data.tables.encodings import parse_json
from graft.data.tables.surrogates import check_whole
from graft.data.tables.table import Table, unnest

MAIN = ("labels", "metadata", "data", "dataset", "annotations", "samples")
"""The names of a table that is the data of a folder, whatever other tables are there."""
Notes = dict[str, None]
"""Sentences for the user, each once, in order."""
_OF_ONE = {"have": "has", "do": "does"}
"""The verb of several rows -> that of one."""

ABOUT_ROWS = ("group", "domain")
"""Roles of what a row belongs to, which are read of every kind."""


@dataclass(frozen=True)
class Rows:
    """The rows of one table by role, as a kind of data reads them."""

    table: Table
    columns: dict[str, list[str]]
    """Role -> the columns that hold it."""
    target: str
    needs_target: bool
    """Whether every row needs a target: not in `unlabeled`, and not in data to predict."""
    options: ReadOptions
    notes: Notes

    def __len__(self) -> int:
        return len(self.table)

    def has(self, role: str) -> bool:
        """Whether the table has a column of the role."""
        return any(name in self.table.columns for name in self.columns.get(role, ()))

    def column(self, role: str) -> list[Any]:
        """The values of a role, of its first column; None where the table does not have it."""
        return self.table.columns.get(
            next(iter(self.columns.get(role, ())), ""), [None] * len(self)
        )

    def with_columns(self, columns: dict[str, list[str]]) -> Rows:
        """Return the rows with other columns for some roles."""
        return replace(self, columns={**self.columns, **columns})

    def name(self, row: int) -> str:
        """The row for messages: `t.jsonl:2 (id q7)`."""
        number = self.column("id")[row]
        return self.table.row_id(row) + (f" (id {number})" if number is not None else "")

    def require(self, roles: Iterable[str]) -> None:
        """Raises DataError where the table lacks a column that others of the same data have."""
        names = [name for role in roles for name in self.columns.get(role, ())]
        absent = [name for name in names if name not in self.table.columns]
        if absent:
            raise DataError(
                f"{self.table.name} has no column {' or '.join(map(repr, absent))}. Its columns: "
                f"{', '.join(self.table.columns)}. All tables need the same columns; a table "
                "without labels must be named unlabeled."
            )

    def refuse(self, problems: Iterable[str | bool | None], what: str, advice: str) -> None:
        """Raise DataError naming the rows with a problem: True, or what was found there.

        `what` begins with the verb of several rows: "have no image".
        """
        wrong = [(row, problem) for row, problem in enumerate(problems) if problem]
        if wrong:
            shown = listed(
                self.name(row) + ("" if problem is True else f" ({problem})")
                for row, problem in wrong
            )
            verb, rest = what.split(" ", 1)
            verb = _OF_ONE[verb] if len(wrong) == 1 else verb
            raise DataError(
                f"{len(wrong):,} of {len(self):,} rows of "
                f"{self.table.name} {verb} {rest}: {shown}. {advice}"
            )

    def check(self, role: str, what: str, advice: str, fits: Callable[[Any], bool]) -> list[Any]:
        """The values of a role; raises DataError naming the rows whose value does not fit."""
        values = self.column(role)
        self.refuse(
            (not fits(value) and (value is None or repr(value)) for value in values), what, advice
        )
        return values

    def texts(self, role: str) -> list[Any]:
        """Return the texts of a role, None for a missing target; DataError names other rows."""
        may_lack = role == self.target and not self.needs_target
        if role == self.target:
            self.check_target([value is None for value in self.column(role)])
        values = self.check(
            role, f"have no text as {role}", "Fill it in or remove the rows.",
            lambda value: as_text(value) is not None or (may_lack and value is None),
        )  # fmt: skip
        return list(map(as_text, values))

    def check_target(self, missing: list[bool]) -> None:
        """Raises DataError naming the rows whose target is missing and needed."""
        if self.needs_target and any(missing):
            advice = "Fill them in, remove the rows, or move them to a table named unlabeled."
            names = " or ".join(map(repr, self.columns[self.target]))
            self.refuse(missing, f"have no {self.target} in the column {names}", advice)


def read_files(
    path: Path,
    files: list[Path],
    options: ReadOptions,
    read: Callable[..., Table],
    kind: str | None = None,
) -> Data:
    """The samples of these tables, `path` itself or in it; `kind` if the format knows it.

    `read(file, options)` reads one file. Raises DataError.
    """
    tables: dict[str, list[Table]] = {}
    splits = _splits(path, files)
    for file, split in splits.items():
        table = replace(read(file, options), folder=file.parent)
        if file.parent not in (path, path.parent):
            table = replace(table, name=file.relative_to(path).as_posix())
        tables.setdefault(split, []).append(table)
    data = to_data(tables, options, kind)
    notes = _other_files(path, list(splits), data) if path.is_dir() else []
    return replace(data, notes=[*data.notes, *notes])


def _splits(path: Path, files: list[Path]) -> dict[Path, str]:
    """File -> split, by its name or that of its folder; `all` of one table, be it in shards."""
    if path.is_file():
        return dict.fromkeys(files, "all")
    if any(file.parent != path for file in files):
        meaning = folder_splits(file.parent.name for file in files)
        return {file: meaning[file.parent.name] for file in files}
    if named := file_splits(file.stem for file in files):
        return {file: named[file.stem] for file in files}
    names = dict.fromkeys(split_word(file.stem)[1] for file in files)
    if len(names) < 2:
        return dict.fromkeys(files, "all")
    main = [file for file in files if file.stem.lower() in MAIN]
    if len(main) == 1:
        return {main[0]: "all"}
    one = next((file for file in files if split_word(file.stem)[0]), files[0])
    sets = (
        f" They may be {len(names)} data sets, {listed(names)}: move each into a folder of its own."
    )
    raise DataError(
        f"{path} holds several tables whose names do not say which split each is: "
        f"{listed(file.name for file in files)}. Name them train, val and test, or give the path "
        f"of one: {one}.{sets if len(names) < len(files) else ''}"
    )


def to_data(tables: dict[str, list[Table]], options: ReadOptions, kind: str | None = None) -> Data:
    """Make samples of tables by split; kind and columns are decided once for all tables."""
    tables = {split: list(map(unnest, parts)) for split, parts in tables.items()}
    labeled = {split: parts for split, parts in tables.items() if split != "unlabeled"} or tables
    first = labeled.get("train", next(iter(labeled.values())))[0]
    everywhere = {name for parts in labeled.values() for table in parts for name in table.columns}
    chosen, match = choose(first, options, everywhere, kind)
    notes: Notes = dict.fromkeys(
        note for parts in tables.values() for table in parts for note in table.notes
    )
    notes |= dict.fromkeys(match.notes)
    rows = [
        (
            split,
            Rows(
                table,
                match.columns,
                chosen.target,
                options.labels and split != "unlabeled",
                options,
                notes,
            ),
        )
        for split, parts in tables.items()
        for table in parts
    ]
    for _, part in rows:
        part.require([role for role in ABOUT_ROWS if role in options.columns])
        _check_signs(part)
    rows = [(split, chosen.gather(part)) for split, part in rows]
    values = chosen.samples([part for _, part in rows])
    if (group := match.columns["group"]) and "group" not in options.columns:
        notes[
            f"Rows with one value of {group[0]!r} are one "
            "group; for another column: --columns group=NAME."
        ] = None
    ids = _ids([part for _, part in rows])
    splits: dict[str, list[Sample]] = {}
    for (split, part), roles, names in zip(rows, values, ids, strict=True):
        for role in ABOUT_ROWS:
            roles = _with_name(part, role, roles)
        samples = [Sample(*pair) for pair in zip(names, roles, strict=True)]
        for name, some in _split_by_column(part, split, samples).items():
            splits.setdefault(name, []).extend(some)
    splits = {split: samples for split, samples in splits.items() if samples}
    columns = {
        role: [first.called.get(name, name) for name in names]
        for role, names in match.columns.items()
        if names
    }
    asked = tuple(options.columns)
    return Data(splits, notes=list(notes), kind=chosen.name, columns=columns, asked=asked)


def _check_signs(rows: Rows) -> None:
    """Raise DataError naming the rows with half a sign in a column that is read."""
    names = {name for names in rows.columns.values() for name in names}
    cells = (
        (rows.table.row_id(row), value if isinstance(value, list | tuple) else [value])
        for name in rows.table.columns
        if name in names
        for row, value in enumerate(rows.table.columns[name])
    )
    texts = ((row, text) for row, values in cells for text in values if isinstance(text, str))
    check_whole(texts, rows.table.name)


def table_rows(data: Data) -> dict[str, list[dict[str, Any]]]:
    """Split -> rows with a column a role, for the formats that write tables."""
    kind = kind_named(data.kind)
    return {
        split: [kind.row(sample) for sample in samples] for split, samples in data.splits.items()
    }


def class_names(rows: Rows, role: str) -> list[str]:
    """Return the names of the numbers of a role, from the file or a classes.json next to it."""
    names = (rows.table.class_names.get(name) for name in rows.columns.get(role, ()))
    return next(filter(None, names), None) or _class_list(rows)


def note_names(names: dict[Any, str], what: str) -> str:
    """A note that numbers are shown by their names."""
    shown = ", ".join(f"{number} = {name}" for number, name in islice(names.items(), 3))
    return f"{what} are shown by their names: {shown}{', ...' if len(names) > 3 else ''}."


def _class_list(rows: Rows) -> list[str]:
    """The names in `classes.json`: a list of names or {label, name}, or a dict of numbers."""
    file = rows.table.folder / "classes.json" if rows.table.folder else None
    if file is None or not file.is_file():
        return []
    try:
        entries = parse_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file} is not valid JSON: {error}. Fix or remove it.") from error
    if isinstance(entries, dict):
        by_number = (
            entries if "0" in entries else {str(number): name for name, number in entries.items()}
        )
        entries = [by_number.get(str(number)) for number in range(len(entries))]
    entries = entries if isinstance(entries, list) else [entries]
    names = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
    if all(isinstance(name, str) for name in names):
        return names
    rows.notes[f'{file} is not used: it is not a list of class names, such as ["cat", "dog"].'] = (
        None
    )
    return []


def _ids(parts: list[Rows]) -> list[list[str]]:
    """Return the ids of the rows of each table: the given ones if all differ, else their lines."""
    ids = [value for rows in parts for value in rows.column("id")]
    if not any(map(is_missing, ids)) and len(set(map(str, ids))) == len(ids):
        return [list(map(str, rows.column("id"))) for rows in parts]
    return [[rows.table.row_id(row) for row in range(len(rows))] for rows in parts]


def _with_name(rows: Rows, role: str, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The roles of each row with its group or domain, where it has one."""
    if not rows.has(role):
        return values
    names = [None if is_missing(name) else str(plain(name)) for name in rows.column(role)]
    spelled = one_spelling({name for name in names if name is not None})
    names = [spelled.get(name, name) for name in names]
    return [
        value if name is None else {**value, role: name}
        for value, name in zip(values, names, strict=True)
    ]


def _split_by_column(rows: Rows, split: str, samples: list[Sample]) -> dict[str, list[Sample]]:
    """Split the samples by the column of splits if the name of the table means no split.

    Raises DataError if some of its values name no split.
    """
    if split != "all" or not rows.has("split"):
        return {split: samples}
    values = ["" if is_missing(v) else str(v).strip() for v in rows.column("split")]
    meaning = splits_of(set(values))
    if unknown := Counter(value for value in values if value not in meaning):
        shown = listed(f"{plural(n, 'row')} {value!r}" for value, n in unknown.most_common())
        raise DataError(
            f"The column {rows.columns['split'][0]!r} of {rows.table.name} says which split a row "
            f"is of, and has {shown}. Splits are named {', '.join(SPLIT_NAMES)}. Correct these "
            "values, or rename the column if it says something else."
        )
    splits: dict[str, list[Sample]] = {}
    for value, sample in zip(values, samples, strict=True):
        splits.setdefault(meaning[value], []).append(sample)
    return splits


def _other_files(folder: Path, used: list[Path], data: Data) -> list[str]:
    """Note the files next to the tables, except the pictures or sounds that they name."""
    roles = {role for split in data.splits.values() for s in split[:1] for role in s.roles}
    others = [p for p in sorted(folder.iterdir()) if p.is_file() and p not in used]
    names = [p.name for p in others if not is_about(p)]
    named = {"image": has_image_suffix, "audio": has_sound_suffix}
    for has_suffix in (named[role] for role in named if role in roles):
        names = [name for name in names if not has_suffix(name)]
    return note_left_out(names, "they are other than the tables read")
