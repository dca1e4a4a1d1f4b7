"""Find the columns of pictures, sounds or texts, and of their targets, by name or content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graft.base.errors import DataError
from graft.data.images.open import SUFFIXES, UNREADABLE
from graft.data.kinds.kind import GROUP
from graft.data.listing import is_file
from graft.data.tables.cells import are_texts, are_words, as_number, describe_object, is_missing
from graft.data.tables.columns import Columns, Fit, Match, sound_columns
from graft.data.tables.numbers import number_columns, unread_numbers
from graft.data.tables.rows import Rows
from graft.data.tables.sounds import find_parts, read_sounds

TEXT = (
    "text", "sentence", "sentence1", "sentence2", "review", "message", "content", "body",
    "question", "document", "tweet", "comment", "title", "headline", "subject", "description",
    "abstract", "utterance", "query", "sms", "email", "post", "article", "premise", "hypothesis",
)  # fmt: skip
SPEECH = ("transcript", "transcription")
"""Names of columns of what is said in a sound."""
IMAGE = (
    "image", "img", "picture", "photo", "file", "filename", "file_name", "filepath", "file_path",
    "path", "image_path", "image_id", "imageid", "image_name",
)  # fmt: skip
IDS = ("id", "id_code", "name")
"""Names of columns that may name pictures without their endings."""
PAIRS = (
    ("text", "text_pair"), ("sentence1", "sentence2"), ("sentence_1", "sentence_2"),
    ("premise", "hypothesis"), ("text_a", "text_b"), ("text1", "text2"),
    ("question1", "question2"), ("question", "sentence"),
)  # fmt: skip
"""Names of columns of two texts that are about each other."""
SAMPLE_ROWS = 2000
"""Rows that content is judged by."""
FEWEST_INDICATORS = 3
"""This many columns of 0 and 1 are several labels per row; with two, one may be something else."""
_BY_NAME = "Images were found by their names below the folder"
_FILE_NAME = re.compile(r"\S*\w\.[A-Za-z]\w{1,4}")


@dataclass(frozen=True)
class Wanted:
    """The target that a kind looks for: its role, its names, and a test of its content."""

    role: str
    names: tuple[tuple[str, ...], ...]
    """In tiers, the most certain first."""
    looks_like: Callable[[Sequence[Any]], bool]
    """Whether the content of a column alone says that it is it."""
    is_indicator: Callable[[Sequence[Any]], bool] = lambda values: False
    """Whether a column may say of one of several that it is so, by 0 and 1."""


def find_inputs(
    columns: Columns, wanted: Wanted, given: dict[str, list[str]] | None = None
) -> Match:
    """The columns of the wanted role, and of a picture, a sound or texts, joined if several.

    `given` are roles whose columns are known already. Raises DataError, listing the columns, if the
    others cannot be decided.
    """
    about_rows = ("group", "split", "domain")
    asked = {role: names for role, names in columns.asked.items() if role not in about_rows}
    parts, part_notes = find_parts(columns, sound_columns(columns)[:1])
    roles = {**(given or {}), **parts, **asked}
    finder = _Finder(columns, wanted, roles, set(columns.split))
    is_named = finder.find()
    fit = Fit.LIKELY_NAME if is_named else Fit.CONTENT
    return Match(roles, fit, [*_notes(columns, wanted, roles), *part_notes])


def find_pair(columns: Columns) -> dict[str, list[str]]:
    """Return the columns of a pair of texts, if given or known by their names."""
    asked = {role: columns.asked[role] for role in ("text", "text_pair") if role in columns.asked}
    if asked:
        return asked if len(asked) == 2 else {}
    for names in PAIRS:
        pair = [columns.first([name], are_words) for name in names]
        if all(pair):
            return dict(zip(("text", "text_pair"), pair, strict=True))
    return {}


def read_inputs(rows: Rows) -> list[dict[str, Any]]:
    """The text of each row, from one column or several joined, or its image or sound."""
    rows.require(["text", "text_pair", "image", "audio"])
    values: list[dict[str, Any]] = [{} for _ in range(len(rows))]
    for role in filter(rows.has, ("text", "text_pair")):
        columns = [rows.table.columns[name] for name in rows.columns[role]]
        for column in columns:
            advice = "Write the text itself, or give each key a column of its own."
            what = f"have an object or a list of lists as {role}"
            rows.refuse(map(describe_object, column), what, advice)
        for value, parts in zip(values, zip(*columns, strict=True), strict=True):
            value[role] = " ".join(map(_text, parts))
    if rows.has("image"):
        images = rows.column("image")
        rows.refuse(map(is_missing, images), "have no image", "Fill it in or remove the rows.")
        for value, image in zip(values, images, strict=True):
            value["image"] = find_picture(image, rows)
    if rows.has("audio"):
        for value, sound in zip(values, read_sounds(rows), strict=True):
            value["audio"] = sound
    return values


def image_columns(columns: Columns, taken: Collection[str]) -> list[str]:
    """The column of pictures, asked for or known by its content or name, or none."""
    if "image" in columns.asked:
        return columns.asked["image"]
    nothing = Wanted("", (), lambda values: False)
    return _Finder(columns, nothing, {}, {*taken, *columns.split}).image()


def _text(value: Any) -> str:
    """Return the text of a cell: of a list its words, empty for None and NaN; `null` is a word."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return "" if value is None or value != value else str(value)


def find_picture(value: Any, rows: Rows) -> Any:
    """The picture of a cell: pixels, bytes, or its file, beside the table or below its folder."""
    if isinstance(value, dict):  # the image column of Hugging Face's datasets
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, list):
        return np.asarray(value)
    images = rows.table.images
    if images is None or not isinstance(value, str | int):
        return Path(value) if isinstance(value, str) else value
    beside = images.folder / str(value)
    if is_file(beside):
        return beside
    named = images.find(value)
    if named and not any(note.startswith(_BY_NAME) for note in rows.notes):
        where = named.relative_to(images.folder).as_posix()
        rows.notes[f"{_BY_NAME} of the table: {value} is {where}."] = None
    return named or beside


class _Finder:
    """One search; each step leaves out what earlier ones have taken."""

    def __init__(
        self, columns: Columns, wanted: Wanted, roles: dict[str, list[str]], reserved: set[str]
    ):
        self.columns, self.wanted, self.roles, self.reserved = columns, wanted, roles, reserved

    def find(self) -> bool:
        """Fill the roles; return whether the target is given or known by its name."""
        if not self._has_input():
            free = self._free()
            self._add("audio", [name for name in sound_columns(self.columns) if name in free][:1])
        if not self._has_input():
            self._add("image", self.image())
        if self.wanted.role not in self.roles:
            self._add(self.wanted.role, self._wanted_by_name())
        is_named = self.wanted.role in self.roles
        if not self._has_input():
            self._add("text", self._texts_by_name())
        if self.wanted.role not in self.roles and self.columns.needs_target:
            self._add(self.wanted.role, self._wanted_by_content())
        if not self._has_input():
            self._add("text", self._text_by_content())
        needed = [self.wanted.role] if self.columns.needs_target else []
        self.columns.require(self.roles, needed, self._speech_advice() + self._value_advice())
        self.columns.require(self.roles, [] if self._has_input() else ["text", "image"])
        return is_named

    def _speech_advice(self) -> str:
        """Mention that a text of figures beside a sound may be what is said in it."""
        if self.wanted.role != "label" or "audio" not in self.roles:
            return ""
        texts = self.columns.first((*SPEECH, *TEXT), are_texts)
        return f", or of what is said: --columns transcript={texts[0]}" if texts else ""

    def _value_advice(self) -> str:
        """Mention that a column of numbers may be predicted, where a label is expected."""
        columns = self.columns
        if self.wanted.role != "label" or columns.for_task or "text_pair" in self.roles:
            return ""
        names = number_columns(columns, {name for part in self.roles.values() for name in part})
        return f", or of numbers to predict: --columns value={names[0]}" if names else ""

    def _add(self, role: str, names: list[str]) -> None:
        if names:
            self.roles[role] = names

    def _has_input(self) -> bool:
        return not self.roles.keys().isdisjoint(("text", "image", "audio"))

    def _free(self) -> list[str]:
        """The columns that play no role yet."""
        taken = {name for names in self.roles.values() for name in names} | self.reserved
        return [name for name in self.columns if name not in taken]

    def image(self) -> list[str]:
        """The column of pictures, or none."""
        columns = self.columns
        named = [name for name in columns.find_named(IMAGE) if name in self._free()]
        free = [*named, *(name for name in self._free() if name not in named)]
        held = {name: next((v for v in columns[name] if not is_missing(v)), None) for name in free}
        inline = [n for n in free if _is_encoded(held[n]) or (n in named and _is_picture(held[n]))]
        words = (name for name in free if isinstance(held[name], str))
        paths = [name for name in words if all(map(_is_image_path, _take_sample(columns[name])))]
        return (inline or paths or self._image_by_name(free))[:1]

    def _image_by_name(self, free: list[str]) -> list[str]:
        """The column whose values are the names of pictures without their endings."""
        columns, images = self.columns, self.columns.table.images
        names = columns.find_named(IMAGE if columns.find_named(TEXT) else (*IMAGE, *IDS))
        seen = {name: _take_sample(columns[name]) for name in names if name in free and images}
        words = {name: cells for name, cells in seen.items() if cells and all(map(_is_word, cells))}
        return [name for name, cells in words.items() if all(map(images.find, cells))]

    def _wanted_by_name(self) -> list[str]:
        if not self.columns.header:
            return []
        free = set(self._free())
        for tier in self.wanted.names:
            likely = [name for name in self.columns.find_named(tier) if name in free]
            if len(likely) > 1 and self.columns.needs_target:
                raise DataError(
                    f"{self.columns.table.name} has several columns that may be the "
                    f"{self.wanted.role}: {', '.join(map(repr, likely))}. Choose with --columns "
                    f"{self.wanted.role}={likely[0]}. Its columns: {self.columns.listed}."
                )
            if likely:
                return likely[:1]
        return []

    def _texts_by_name(self) -> list[str]:
        if not self.columns.header:
            return []
        named = set(self.columns.find_named(TEXT)) & set(self._free())
        return [name for name in self.columns if name in named and are_words(self.columns[name])]

    def _wanted_by_content(self) -> list[str]:
        free = self._free()
        if not self._has_input() and len(free) == 1:
            return []  # the one column is the text
        likely = [n for n in free if self.wanted.looks_like(self.columns[n])]
        groups = self.columns.find_named(GROUP) if self.columns.header else []
        likely = [name for name in likely if name not in groups] or likely
        if not self._has_input() and len(likely) == len(free) > 1:
            text = max(likely, key=lambda name: _length(self.columns[name]))
            likely.remove(text)
        indicators = [name for name in likely if self.wanted.is_indicator(self.columns[name])]
        if len(likely) > 1 and (len(indicators) < len(likely) or len(likely) < FEWEST_INDICATORS):
            role = self.wanted.role
            several = f", or several at once: {role}={'+'.join(indicators)}"
            joined = several if len(indicators) > 1 else ""
            raise DataError(
                f"{self.columns.table.name}: the columns {', '.join(map(repr, likely))} may each "
                f"be the {role}. Choose with --columns {role}={likely[0]}{joined}. "
                f"Its columns: {self.columns.listed}."
            )
        return likely

    def _text_by_content(self) -> list[str]:
        columns = self.columns
        free = [name for name in self._free() if _is_text(_take_sample(columns[name]))]
        if columns.header:
            free = [name for name in free if not is_label_like(columns[name])]
        if not free or (self.wanted.role not in self.roles and columns.needs_target):
            return []
        lengths = {name: _length(columns[name]) for name in free}
        by_length = sorted(free, key=lambda name: -lengths[name])
        if len(by_length) > 1 and lengths[by_length[0]] < 2 * lengths[by_length[1]]:
            pair = [name for name in columns if name in by_length[:2]]
            joined = "+".join(pair)
            raise DataError(
                f"{columns.table.name}: the columns {by_length[0]!r} and {by_length[1]!r} may each "
                f"be the text. Choose with --columns text={by_length[0]}, or join them: "
                f"text={joined}. If they are pairs, give both: --columns text={pair[0]} "
                f"--columns text_pair={pair[1]}. Its columns: {columns.listed}."
            )
        return by_length[:1]


def is_label_like(values: Sequence[Any]) -> bool:
    """Whether few, short values come back again and again."""
    seen = _take_sample(values)
    numbers = (number for number in map(as_number, seen) if number is not None)
    are_scalars = all(isinstance(value, str | int | float) for value in seen)
    if not are_scalars or not all(number.is_integer() for number in numbers):
        return False
    counts = Counter(map(str, seen))
    return bool(counts) and len(counts) <= max(len(seen) / 2, 1) and max(map(len, counts)) <= 80


def are_pictures(values: Sequence[Any]) -> bool:
    """Whether these are pictures: paths that end as theirs do, what their files hold, or pixels."""
    seen = _take_sample(values)
    return bool(seen) and all(
        _is_encoded(value) or _is_picture(value) or _is_image_path(value) for value in seen
    )


def _take_sample(values: Sequence[Any]) -> list[Any]:
    return [value for value in values[:SAMPLE_ROWS] if not is_missing(value)]


def _is_encoded(value: Any) -> bool:
    """Whether this is what an image file holds, or a dict of it as datasets has it."""
    return isinstance(value, bytes) or (
        isinstance(value, dict) and not value.keys() - {"bytes", "path"} and len(value) > 0
    )


def _is_picture(value: Any) -> bool:
    is_nested = isinstance(value, list) and bool(value) and isinstance(value[0], list)
    return is_nested or isinstance(value, np.ndarray | Path)


def _is_word(value: Any) -> bool:
    return isinstance(value, str | int)


def _is_image_path(value: Any) -> bool:
    return isinstance(value, str) and Path(value).suffix.lower() in SUFFIXES | UNREADABLE


def _is_text(seen: Sequence[Any]) -> bool:
    """Whether these are texts, and not all of them file names."""
    return are_words(seen) and not all(
        isinstance(v, str) and _FILE_NAME.fullmatch(v.strip()) for v in seen
    )


def _length(values: Sequence[Any]) -> float:
    seen = values[:SAMPLE_ROWS]
    return sum(len(str(value)) for value in seen) / max(len(seen), 1)


def _notes(columns: Columns, wanted: Wanted, roles: dict[str, list[str]]) -> list[str]:
    """Note what was guessed, and the option that changes it."""
    notes = []
    texts, target = roles.get("text", []), roles.get(wanted.role, [])
    if len(texts) > 1 and "text" not in columns.asked:
        joined = ", ".join(map(repr, texts))
        notes.append(
            f"The columns {joined} are joined into the text; "
            f"for one alone: --columns text={texts[-1]}."
        )
    if not columns.header and not columns.asked:
        by_column = sorted(roles.items(), key=lambda item: item[1])
        parts = " and ".join(f"{role} is column {', '.join(names)}" for role, names in by_column)
        notes.append(f"There is no header row; by their content, {parts} (counted from 0).")
    elif (
        wanted.role not in columns.asked
        and target
        and target[0].strip().lower() not in wanted.names[0]
    ):
        shown, role = ", ".join(map(repr, target)), wanted.role
        if len(target) > 1:
            note = (
                f"The columns {shown} of 0 and 1 are several {role}s a row; for one alone: "
                f"--columns {role}={target[0]}."
            )
            notes.append(note)
        else:
            notes.append(
                f"The column {shown} is taken as the {role}; for another: --columns {role}=NAME."
            )
            notes += unread_numbers(columns, roles)
    return notes
