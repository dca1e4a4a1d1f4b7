"""Which columns hold tokens and tags, a text and spans in it, questions and answers, or texts and what is written from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import numpy as np

from graft.base.errors import DataError
from graft.data.columns import SPLIT, TEXT, Columns, is_missing
from graft.data.format import ReadOptions, split_of

NAMES = {
    "tokens": ("tokens", "words"),
    "tags": ("tags", "ner_tags", "labels", "ner", "label", "pos_tags", "upos", "pos", "chunk_tags"),
    "spans": ("spans", "entities", "label", "labels"),
    "text": TEXT,
    "question": ("question", "query"),
    "context": ("context", "passage", "paragraph"),
    "answers": ("answers", "answer", "answer_text"),
    "starts": ("answer_start", "answer_starts", "answers_start"),
    "impossible": ("is_impossible",),
    "offsets": ("offsets",),
    "id": ("id", "qas_id", "qid", "question_id"),
    "prompt": ("prompt",),
    "completion": ("completion",),
    "messages": ("messages",),
    "passage": ("passage",),
    "target": ("target", "tgt", "summary", "highlights", "subject"),
    "references": ("references", "extra_subjects"),
}
"""Role -> the names of columns that hold it, the likeliest first."""
GROUP = {"tokens": ("group", "document", "document_id", "doc_id"), "answers": ("group", "title")}
NEEDED = {
    "tokens": ("tokens", "tags"),
    "spans": ("text", "spans"),
    "answers": ("question", "context", "answers"),
    "prompts": ("prompt", "completion"),
    "messages": ("messages",),
    "pairs": ("source", "target"),
    "passages": ("passage",),
}
"""Kind -> the roles of its columns, the target last."""
ROLES = {
    "tokens": frozenset(("tokens", "tags", "text", "offsets", "group", "split")),
    "spans": frozenset(("text", "spans", "group", "split")),
    "answers": frozenset(("question", "context", "answers", "starts", "impossible", "group", "id", "split")),
    "prompts": frozenset(("prompt", "completion", "group", "split")),
    "messages": frozenset(("messages", "group", "split")),
    "pairs": frozenset(("source", "target", "references", "group", "split")),
    "passages": frozenset(("passage", "group", "split")),
}
_OF_KIND = {
    "tokens": {"tokens", "tags", "offsets"},
    "spans": {"spans"},
    "answers": {"question", "context", "answers", "starts"},
    "prompts": {"prompt", "completion"},
    "messages": {"messages"},
    "pairs": {"source", "target", "references"},
    "passages": {"passage"},
}
"""Roles that a user asks for only where the data are of this kind."""
SOURCES = {
    "target": ("source", "src"),
    "tgt": ("source", "src"),
    "summary": ("source", "document", "article", "dialogue", "dialog", "email", "text"),
    "highlights": ("source", "document", "article", "text"),
    "subject": ("email",),
}
"""Name of a column that is written -> the names of those that it is written from. Other names mean something only together."""
_LOOKED_AT = 200


@dataclass
class LanguageColumns:
    """What kind of data a table holds, and the column of each role."""

    kind: Literal["tokens", "spans", "answers", "prompts", "messages", "pairs", "passages"]
    columns: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def target(self) -> str:
        return NEEDED[self.kind][-1]


def language_columns(columns: Columns, options: ReadOptions, table: str, beside: Collection[str] = ()) -> LanguageColumns | None:
    """The columns of one of these kinds; None where the table holds none of them.

    Without labels the target's column may be missing, of tokens, questions and prompts. Raises DataError for a column that is
    asked for and is neither there nor `beside` it, in another table of the same data.
    """
    asked = set(options.columns)
    kind = next((k for k, roles in _OF_KIND.items() if asked & roles), None)
    if kind is None and asked & {"label", "image"}:
        return None
    low = {name.strip().lower(): name for name in reversed(columns)}
    for candidate in (kind,) if kind else ("spans",) if "text" in asked else NEEDED:
        found = {} if not kind and _has_labels(columns, low) else _guess(candidate, columns, low)
        needed = NEEDED[candidate] if options.labels else NEEDED[candidate][:-1] or NEEDED[candidate]
        if kind or (found and all(role in found or role in asked for role in needed)):
            found |= _asked(options, columns, candidate, table, beside)
            _check(found, needed, columns, table)
            return LanguageColumns(candidate, found, _said(found, candidate, columns, options))
    return None


def numbered(columns: Columns, name: str) -> list[str]:
    """The columns of one name with numbers behind it, in order: `summary`, or `summary1`, `summary2`, `summary3`."""
    stem = name.removesuffix("1")
    found = [column for column in (stem, f"{stem}1") if column in columns][:1]
    for number in range(2, len(columns) + 1):
        if not found or f"{stem}{number}" not in columns:
            break
        found.append(f"{stem}{number}")
    return found


def listed(value: Any) -> list[Any] | None:
    """The items of a list, tuple or array; None for anything else."""
    return list(value) if isinstance(value, list | tuple | np.ndarray) else None


def _guess(kind: str, columns: Columns, low: dict[str, str]) -> dict[str, str]:
    """Role -> column, of those whose name and content agree; nothing where the table may be of running texts only."""
    found: dict[str, str] = {}
    if kind == "tokens":
        _take(found, "tokens", columns, low, _is_tokens)
        if "tokens" in found:
            _take(found, "tags", columns, low, _are_tags)
            _take(found, "text", columns, low, _is_text)
            _take(found, "offsets", columns, low, lambda values: "text" in found)
        if "text" in found and not found.keys() & {"tags", "offsets"}:
            return {}
    elif kind == "spans":
        _take(found, "spans", columns, low, _is_spans)
        _take(found, "text", columns, low, _is_text)
        if "spans" not in found:
            return {}
    elif kind == "messages":
        _take(found, "messages", columns, low, _are_messages)
    elif kind == "pairs":
        found = _pair(columns, low)
    elif kind in ("prompts", "passages"):
        for role in NEEDED[kind]:
            _take(found, role, columns, low, _is_text)
        if "passage" in found and "question" in low:
            return {}
    else:
        _take(found, "question", columns, low, _is_text)
        _take(found, "context", columns, low, _is_text)
        if context := found.get("context"):
            _take(found, "answers", columns, low, lambda values: _is_answers(values, columns[context]))
        for role in ("starts", "impossible", "id"):
            _take(found, role, columns, low, lambda values: True)
    group = next((low[n] for n in GROUP["answers" if kind == "answers" else "tokens"] if n in low), None)
    split = next((low[n] for n in SPLIT if n in low and all(split_of(str(v)) for v in columns[low[n]])), None)
    return found | ({"group": group} if group else {}) | ({"split": split} if split else {})


def _take(found: dict[str, str], role: str, columns: Columns, low: dict[str, str], fits: Callable[[Sequence[Any]], bool]) -> None:
    """The first column of one of the role's names whose values fit."""
    names = [low[n] for n in NAMES[role] if n in low and low[n] not in found.values()]
    chosen = next((name for name in names if fits(columns[name])), None)
    if chosen is not None:
        found[role] = chosen


def _pair(columns: Columns, low: dict[str, str]) -> dict[str, str]:
    """The columns of a source and of what is written from it, where there are both."""
    for name, sources in SOURCES.items():
        target = low.get(name, low.get(f"{name}1"))
        source = next((low[n] for n in sources if n in low and _is_text(columns[low[n]])), None)
        if source and target and _is_text(columns[target]):
            found = {"source": source, "target": target}
            return found | references(columns)
    return {}


def references(columns: Columns) -> dict[str, str]:
    """The column of further references, where a table has one: often only that of the test split has."""
    found: dict[str, str] = {}
    low = {name.strip().lower(): name for name in reversed(columns)}
    _take(found, "references", columns, low, lambda values: any(listed(v) is not None for v in _some(values)))
    return found


def _some(values: Sequence[Any]) -> list[Any]:
    return list(islice((v for v in values if v is not None), _LOOKED_AT))


def _is_text(values: Sequence[Any]) -> bool:
    return any(isinstance(v, str) and not is_missing(v) for v in _some(values))


def _is_tokens(values: Sequence[Any]) -> bool:
    rows = [listed(v) for v in _some(values)]
    return any(rows) and all(row is not None and all(isinstance(token, str) for token in row) for row in rows)


def _are_tags(values: Sequence[Any]) -> bool:
    rows = [listed(v) for v in _some(values)]
    return any(rows) and all(row is not None and all(isinstance(tag, str | int | np.integer) for tag in row) for row in rows)


def _is_spans(values: Sequence[Any]) -> bool:
    rows = [listed(v) for v in _some(values)]
    return any(rows) and all(row is not None and all(_is_span(span) for span in row) for row in rows)


def _are_messages(values: Sequence[Any]) -> bool:
    rows = [listed(v) for v in _some(values)]
    return any(rows) and all(row is not None and all(isinstance(m, dict) and "role" in m for m in row) for row in rows)


def _is_span(value: Any) -> bool:
    if isinstance(value, dict):
        return "start" in value or "start_offset" in value
    parts = listed(value)
    return parts is not None and len(parts) == 3 and not isinstance(parts[0], str)


def _is_answers(values: Sequence[Any], contexts: Sequence[Any]) -> bool:
    """Lists or dicts with texts; or strings of which most stand in their context, which yes and no do not."""
    pairs = [(v, c) for v, c in islice(zip(values, contexts, strict=True), _LOOKED_AT) if v is not None]
    if pairs and all(isinstance(v, dict) or listed(v) is not None for v, _ in pairs):
        return True
    strings = [(v, c) for v, c in pairs if isinstance(v, str) and v.strip()]
    return bool(strings) and sum(v in str(c) for v, c in strings) >= len(strings) / 2


def _has_labels(columns: Columns, low: dict[str, str]) -> bool:
    """Whether a column named `label` holds classes, so that the table is for classification as well."""
    return any(n in low and any(isinstance(v, str | int | float) for v in _some(columns[low[n]])) for n in ("label", "labels"))


def _asked(options: ReadOptions, columns: Columns, kind: str, table: str, beside: Collection[str]) -> dict[str, str]:
    """Role -> the column that the user names."""
    if unknown := set(options.columns) - ROLES[kind]:
        raise DataError(
            f"--columns {', '.join(sorted(unknown))} does not go with the other roles. Roles of such data: "
            f"{', '.join(sorted(ROLES[kind]))}."
        )
    found = {}
    for role, name in options.columns.items():
        by_number = list(columns)[int(name)] if str(name).isdecimal() and int(name) < len(columns) else None
        column = name if name in columns or name in beside else by_number
        if column is None:
            raise DataError(
                f"{table} has no column {name!r} (asked for as {role}). Its columns: {', '.join(map(repr, columns))}."
            )
        found[role] = column
    return found


def _check(found: dict[str, str], needed: Sequence[str], columns: Columns, table: str) -> None:
    if missing := [role for role in needed if role not in found]:
        raise DataError(
            f"{table} has no column of {' or '.join(missing)} that can be told. Its columns: {', '.join(map(repr, columns))}. "
            f"Say which it is: --columns {missing[0]}=NAME."
        )


def _said(found: dict[str, str], kind: str, columns: Columns, options: ReadOptions) -> list[str]:
    """Notes of a choice between columns of tags."""
    if kind != "tokens" or "tags" not in found or "tags" in options.columns:
        return []
    low = {name.strip().lower(): name for name in columns}
    others = [low[n] for n in NAMES["tags"] if n in low and low[n] != found["tags"] and _are_tags(columns[low[n]])]
    return [f"The tags are of the column {found['tags']!r}; for another: --columns tags={others[0]}."] if others else []
