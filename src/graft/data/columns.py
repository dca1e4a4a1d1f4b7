"""Which column of a table plays which role: by its name, else by what it holds."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graft.base.errors import DataError
from graft.data.format import ReadOptions, split_of
from graft.data.images import SUFFIXES

Columns = dict[str, list[Any]]

TEXT = (
    "text", "sentence", "sentence1", "sentence2", "review", "message", "content", "body", "question", "document", "tweet",
    "comment", "title", "headline", "subject", "description", "abstract", "utterance", "query", "sms", "email", "post",
    "article", "premise", "hypothesis",
)  # fmt: skip
LABEL = (
    ("label", "labels"),
    (
        "class",
        "classes",
        "category",
        "categories",
        "target",
        "y",
        "sentiment",
        "topic",
        "intent",
        "emotion",
        "tag",
        "tags",
        "species",
    ),
    ("rating", "stars", "score", "polarity", "genre", "type", "language", "lang"),
)
"""Names of label columns, the surest first."""
IMAGE = (
    "image",
    "img",
    "picture",
    "photo",
    "file",
    "filename",
    "file_name",
    "filepath",
    "file_path",
    "path",
    "image_path",
    "image_id",
)
SPLIT = ("split", "subset", "partition", "set")
GROUP = ("group", "group_id", "patient", "patient_id", "speaker", "speaker_id", "subject_id", "document_id", "doc_id")
"""What says of rows that they are about the same."""
NAME = ("name", "label_name", "label_text", "class_name", "category_name", "text_label", "target_name")
ROLES = frozenset(("text", "image", "label", "group", "split"))
_FILE_NAME = re.compile(r"\S*\w\.[A-Za-z]\w{1,4}")
_LOOKED_AT = 2000
"""Rows that content is judged by."""


@dataclass
class Roles:
    """The columns that play each role, and what to tell the user of the choice."""

    text: list[str] = field(default_factory=list)
    image: str | None = None
    label: str | None = None
    label_name: str | None = None
    group: str | None = None
    split: str | None = None
    notes: list[str] = field(default_factory=list)


def is_missing(value: Any) -> bool:
    """None, NaN, nothing but blanks, or a word that programs write for NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in ("", "nan", "<na>", "null")


def is_known_name(cell: str) -> bool:
    """Whether a header would say this."""
    return cell.strip().lower() in {*TEXT, *IMAGE, *GROUP, *SPLIT, *NAME, *(name for tier in LABEL for name in tier)}


def guess_roles(columns: Columns, header: bool, options: ReadOptions, table: str) -> Roles:
    """The role of each column. Raises DataError, listing the columns, where that cannot be told."""
    asked = {role: _asked(columns, options.columns[role], role, table) for role in options.columns}
    if unknown := set(asked) - ROLES:
        raise DataError(f"Unknown role {', '.join(sorted(unknown))} in --columns. Roles: {', '.join(sorted(ROLES))}.")
    roles = Roles(asked.get("text", []), **{role: asked[role][0] for role in ("image", "label", "group") if role in asked})
    columns = {name: values for name, values in columns.items() if name != roles.group}  # it plays no second role
    low = {name.strip().lower(): name for name in reversed(columns)}
    roles.split = asked["split"][0] if "split" in asked else _split_column(columns, low, header)
    if not roles.text and not roles.image:
        roles.image = _image_column(columns, low, roles)
    if not roles.label:
        roles.label = _label_by_name(low, roles, header, options, columns, table)
    if not roles.text and not roles.image:
        roles.text = _text_columns(columns, low, roles, header)
    if not roles.label and options.labels:
        roles.label = _label_by_content(columns, roles, table)
    if not roles.text and not roles.image:
        roles.text = _text_by_content(columns, roles, header, options, table)
    if roles.label and header:
        candidates = (*NAME, f"{roles.label}_name", f"{roles.label}_text")
        roles.label_name = next(
            (low[n] for n in candidates if n in low and low[n] not in (roles.label, roles.image, *roles.text)), None
        )
    _check(columns, roles, options, table)
    if header and not roles.group:  # last, for a column named so may well be the label of a table that has no other
        roles.group = _group_column(low, roles)
    roles.notes += _said(roles, header, options)
    return roles


def is_label_like(values: Sequence[Any]) -> bool:
    """Whether few, short values come back again and again."""
    seen = [v for v in values[:_LOOKED_AT] if not is_missing(v)]
    if not all(isinstance(v, str | int) or (isinstance(v, float) and v.is_integer()) for v in seen):
        return False
    counts = Counter(map(str, seen))
    return bool(counts) and len(counts) <= max(len(seen) / 2, 1) and max(map(len, counts)) <= 80


def _asked(columns: Columns, name: str, role: str, table: str) -> list[str]:
    """The column, or the columns joined by `+`, that the user means."""
    name = str(name)
    if name in columns:
        return [name]
    if name.isdecimal() and int(name) < len(columns):
        return [list(columns)[int(name)]]
    parts = name.split("+")
    if role == "text" and len(parts) > 1:
        return [column for part in parts for column in _asked(columns, part.strip(), role, table)]
    raise DataError(f"{table} has no column {name!r} (asked for as {role}). Its columns: {_listed(columns)}.")


def _split_column(columns: Columns, low: dict[str, str], header: bool) -> str | None:
    name = next((low[n] for n in SPLIT if n in low), None) if header else None
    values = {str(v).strip() for v in columns[name]} if name else set()
    return name if values and all(split_of(v) for v in values) else None


def _group_column(low: dict[str, str], roles: Roles) -> str | None:
    used = {roles.label, roles.label_name, roles.image, roles.split, *roles.text}
    return next((low[n] for n in GROUP if n in low and low[n] not in used), None)


def _image_column(columns: Columns, low: dict[str, str], roles: Roles) -> str | None:
    named = [low[n] for n in IMAGE if n in low]
    free = [c for c in (*named, *(c for c in columns if c not in named)) if c not in (roles.label, roles.split)]
    held = {c: next((v for v in columns[c] if not is_missing(v)), None) for c in free}
    inline = [c for c in free if isinstance(held[c], bytes) or _is_encoded(held[c]) or (c in named and _is_picture(held[c]))]
    paths = [
        c
        for c in free
        if isinstance(held[c], str) and all(_is_image_path(v) for v in columns[c][:_LOOKED_AT] if not is_missing(v))
    ]
    return next(iter([*inline, *paths]), None)


def _is_encoded(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys() - {"bytes", "path"} and len(value) > 0


def _is_picture(value: Any) -> bool:
    return hasattr(value, "ndim") or (isinstance(value, list) and value and isinstance(value[0], list))


def _is_image_path(value: Any) -> bool:
    return isinstance(value, str) and Path(value).suffix.lower() in SUFFIXES


def _label_by_name(
    low: dict[str, str], roles: Roles, header: bool, options: ReadOptions, columns: Columns, table: str
) -> str | None:
    if not header:
        return None
    for tier in LABEL:
        found = [low[n] for n in tier if n in low and low[n] not in (roles.image, *roles.text)]
        if len(found) > 1 and options.labels:
            raise DataError(
                f"{table} has several columns that may be the label: {', '.join(map(repr, found))}. "
                f"Choose with --columns label={found[0]}. Its columns: {_listed(columns)}."
            )
        if found:
            return found[0]
    return None


def _text_columns(columns: Columns, low: dict[str, str], roles: Roles, header: bool) -> list[str]:
    if not header:
        return []
    named = {low[n] for n in TEXT if n in low} - {roles.label, roles.split}
    return [c for c in columns if c in named and any(isinstance(v, str) and not is_missing(v) for v in columns[c])]


def _label_by_content(columns: Columns, roles: Roles, table: str) -> str | None:
    free = [c for c in columns if c not in (roles.image, roles.split, *roles.text)]
    if not roles.text and not roles.image and len(free) == 1:
        return None  # the one column is the text
    likely = [c for c in free if is_label_like(columns[c])]
    if not roles.text and not roles.image and len(likely) == len(free) > 1:  # the longest one is then the text
        likely.remove(max(likely, key=lambda c: _length(columns[c])))
    if len(likely) > 1:
        raise DataError(
            f"{table}: the columns {', '.join(map(repr, likely))} may each be the label. "
            f"Choose with --columns label={likely[0]}. Its columns: {_listed(columns)}."
        )
    return likely[0] if likely else None


def _text_by_content(columns: Columns, roles: Roles, header: bool, options: ReadOptions, table: str) -> list[str]:
    free = [c for c in columns if c not in (roles.label, roles.split) and _is_text(columns[c][:_LOOKED_AT])]
    if header:
        free = [c for c in free if not is_label_like(columns[c])]
    if not free or (not roles.label and options.labels):
        return []
    by_length = sorted(free, key=lambda c: -_length(columns[c]))
    if len(by_length) > 1 and _length(columns[by_length[0]]) < 2 * _length(columns[by_length[1]]):
        joined = "+".join(c for c in columns if c in by_length[:2])
        raise DataError(
            f"{table}: the columns {by_length[0]!r} and {by_length[1]!r} may each be the text. Choose with --columns "
            f"text={by_length[0]}, or join them: text={joined}. Its columns: {_listed(columns)}."
        )
    return by_length[:1]


def _is_text(values: Sequence[Any]) -> bool:
    """Whether these are strings, and not all of them file names."""
    seen = [v for v in values if not is_missing(v)]
    return any(isinstance(v, str) for v in seen) and not all(isinstance(v, str) and _FILE_NAME.fullmatch(v.strip()) for v in seen)


def _length(values: Sequence[Any]) -> float:
    seen = values[:_LOOKED_AT]
    return sum(len(str(v)) for v in seen) / max(len(seen), 1)


def _check(columns: Columns, roles: Roles, options: ReadOptions, table: str) -> None:
    if options.labels and not roles.label:
        raise DataError(
            f"{table} has no label column that can be told. Its columns: {_listed(columns)}. "
            "Say which it is: --columns label=NAME."
        )
    if not roles.text and not roles.image:
        raise DataError(
            f"{table} has no column of texts or images that can be told. Its columns: {_listed(columns)}. "
            "Say which it is: --columns text=NAME or --columns image=NAME."
        )


def _said(roles: Roles, header: bool, options: ReadOptions) -> list[str]:
    notes = []
    if len(roles.text) > 1 and "text" not in options.columns:
        joined = ", ".join(map(repr, roles.text))
        notes.append(f"The columns {joined} are joined into the text; for one alone: --columns text={roles.text[-1]}.")
    if not header and not options.columns:
        held = {"text": ", ".join(roles.text), "image": roles.image, "label": roles.label}
        parts = " and ".join(f"{role} is column {column}" for role, column in held.items() if column)
        notes.append(f"There is no header row; by their content, {parts} (counted from 0).")
    elif "label" not in options.columns and roles.label and roles.label.strip().lower() not in LABEL[0]:
        notes.append(f"The column {roles.label!r} is taken as the label; for another: --columns label=NAME.")
    if roles.group and "group" not in options.columns:
        notes.append(f"Rows with one value of {roles.group!r} are one group; for another column: --columns group=NAME.")
    return notes


def _listed(columns: Columns) -> str:
    return ", ".join(map(repr, columns))
