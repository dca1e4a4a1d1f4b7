"""From columns to samples of tokens, questions, prompts, pairs and passages; and what is wrong with the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.columns import is_missing
from graft.data.format import ReadOptions, splits_of
from graft.data.language_columns import NEEDED, LanguageColumns, listed, numbered, references
from graft.data.tags import tagged

if TYPE_CHECKING:  # which imports this module
    from graft.data.tables import Table

_MAX_LISTED = 10


def language_samples(
    tables: dict[str, list[Table]], found: LanguageColumns, options: ReadOptions, names: Sequence[str]
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Split -> samples of its tables, and notes; `names` are what numbers of tags mean. Raises DataError."""
    make = _MAKE[found.kind]
    unique = _unique_ids(tables, found)
    notes: Counter[str] = Counter()
    splits: dict[str, list[Sample]] = {}
    for split, parts in tables.items():
        for table in parts:
            needs = options.labels and split != "unlabeled"
            samples = make(_Rows(table, _in_table(found, table), needs), names, notes)
            for part, rows in _by_split_column(table, found, split).items():
                splits.setdefault(part, []).extend(
                    Sample(str(table.columns[found.columns["id"]][row]) if unique else table.row_id(row), samples[row])
                    for row in rows
                )
    return {split: samples for split, samples in splits.items() if samples}, [*found.notes, *_said(notes)]


def _in_table(found: LanguageColumns, table: Table) -> LanguageColumns:
    """The columns by their names in this table, which may have more targets than others: numbered, or in a list."""
    if found.kind != "pairs":
        return found
    target = [("target", name) for name in numbered(table.columns, found.columns["target"])[:1]]
    return replace(found, columns={**references(table.columns), **found.columns, **dict(target)})


@dataclass(frozen=True)
class _Rows:
    """The rows of one table by role; the target's column must be there where `needs_target`."""

    table: Table
    found: LanguageColumns
    needs_target: bool

    def __post_init__(self) -> None:
        needed = NEEDED[self.found.kind]
        needed = needed if self.needs_target else needed[:-1] or needed
        absent = [column for role in needed if (column := self.found.columns[role]) not in self.table.columns]
        if absent:
            has = ", ".join(self.table.columns)
            raise DataError(
                f"{self.table.name} has no column {' or '.join(map(repr, absent))}. Its columns: {has}. "
                "All tables need the same columns; a table without labels must be named unlabeled."
            )

    def __len__(self) -> int:
        return len(self.table)

    def column(self, role: str) -> list[Any]:
        """The values of a role, None where the table does not have it."""
        return self.table.columns.get(self.found.columns.get(role, ""), [None] * len(self))

    def has(self, role: str) -> bool:
        return self.found.columns.get(role) in self.table.columns

    def name(self, row: int) -> str:
        own = self.column("id")[row]
        return self.table.row_id(row) + (f" (id {own})" if own is not None else "")

    def refuse(self, bad: list[tuple[int, str]], what: str, advice: str) -> None:
        """Raises DataError with the rows where there are such; each with what was found there."""
        if bad:
            shown = ", ".join(self.name(row) + (f" ({said})" if said else "") for row, said in bad[:_MAX_LISTED])
            more = f" and {len(bad) - _MAX_LISTED} more" if len(bad) > _MAX_LISTED else ""
            raise DataError(f"{len(bad):,} of {len(self):,} rows of {self.table.name} {what}: {shown}{more}. {advice}")

    def check_target(self) -> None:
        bad = [(row, "") for row, value in enumerate(self.column(self.found.target)) if value is None]
        if self.needs_target:
            advice = "Fill them in, remove the rows, or move them to a table named unlabeled."
            self.refuse(bad, f"have no {self.found.target} in the column {self.found.columns[self.found.target]!r}", advice)

    def with_group(self, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if not self.has("group"):
            return values
        groups = (None if is_missing(g) else str(g) for g in self.column("group"))
        return [value if g is None else {**value, "group": g} for value, g in zip(values, groups, strict=True)]


def _of_tokens(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    rows.check_target()
    tokens, tags = [listed(v) for v in rows.column("tokens")], [None if v is None else listed(v) for v in rows.column("tags")]
    bad = [(row, "") for row, own in enumerate(tokens) if own is None or not all(isinstance(token, str) for token in own)]
    rows.refuse(bad, "have no list of strings as tokens", 'Write them as a list: ["one", "two"].')
    pairs = list(zip(tokens, tags, strict=True))
    uneven = [
        (row, f"{len(own):,} tokens, {len(of):,} tags")
        for row, (own, of) in enumerate(pairs)
        if of is not None and len(own) != len(of)
    ]
    odd = [
        (row, repr(tag)) for row, (_, of) in enumerate(pairs) for tag in of or () if not isinstance(tag, str | int | np.integer)
    ]
    rows.refuse(odd, "have tags that are neither words nor numbers", "Each token needs one tag.")
    rows.refuse(uneven, "have another number of tags than of tokens", "Each token needs one tag.")
    numbers = {tag for _, of in pairs for tag in of or () if not isinstance(tag, str)}
    called = {number: names[int(number)] for number in numbers if 0 <= int(number) < len(names)} if names else {}
    if len(called) < len(numbers):
        notes["The tags are numbers whose names are not known; give them in a classes.json beside the table."] += 1
        called = {}
    elif called:
        shown = ", ".join(f"{number} = {name}" for number, name in islice(sorted(called.items()), 3))
        notes[f"Tags are shown by their names: {shown}, ..."] += 1
    values = [
        {"tokens": tuple(own), "tags": None if of is None else tuple(called.get(t, str(t)) for t in of)} for own, of in pairs
    ]
    if rows.has("text") and rows.has("offsets"):
        values = _with_offsets(rows, values)
    return rows.with_group(values)


def _with_offsets(rows: _Rows, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the text that the tokens are of, and where they stand in it."""
    found, bad = [], []
    for row, (value, text, places) in enumerate(zip(values, rows.column("text"), rows.column("offsets"), strict=True)):
        offsets = tuple(tuple(map(int, place)) for place in listed(places) or ())
        if not isinstance(text, str) or [text[start:end] for start, end in offsets] != list(value["tokens"]):
            bad.append((row, ""))
        found.append({**value, "text": text, "offsets": offsets})
    rows.refuse(
        bad, "have offsets at which the text does not hold the tokens", "An offset is [start, end], in characters from 0."
    )
    return found


def _of_spans(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    rows.check_target()
    bad = [(row, "") for row, text in enumerate(rows.column("text")) if not isinstance(text, str)]
    rows.refuse(bad, "have no text", "Fill it in or remove the rows.")
    values = []
    for row, (text, own) in enumerate(zip(rows.column("text"), rows.column("spans"), strict=True)):
        name = rows.table.row_id(row)
        offsets, tags = tagged(text, [_span(span, name) for span in listed(own) or ()], name)
        tokens = tuple(text[start:end] for start, end in offsets)
        values.append({"tokens": tokens, "tags": None if own is None else tuple(tags), "text": text, "offsets": tuple(offsets)})
    return rows.with_group(values)


def _span(value: Any, row: str) -> tuple[int, int, str]:
    keys = (("start", "start_offset"), ("end", "end_offset"), ("label", "type", "tag"))
    parts = [next((value[k] for k in names if k in value), None) for names in keys] if isinstance(value, dict) else listed(value)
    if parts is None or len(parts) != 3 or any(is_missing(part) or isinstance(part, bool) for part in parts):
        raise DataError(f'{row}: {value!r} is no span. Write {{"start": 0, "end": 5, "label": "PER"}}, or [0, 5, "PER"].')
    try:
        return int(parts[0]), int(parts[1]), str(parts[2])
    except (TypeError, ValueError) as error:
        raise DataError(f"{row}: {value!r} is no span: start and end must be whole numbers.") from error


def _of_answers(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    for role in ("question", "context"):
        bad = [(row, "") for row, value in enumerate(rows.column(role)) if not isinstance(value, str)]
        rows.refuse(bad, f"have no {role}", "Fill it in or remove the rows.")
    impossible = [bool(value) and str(value).lower() not in ("false", "0") for value in rows.column("impossible")]
    values, wrong, missing = [], [], []
    columns = (rows.column(role) for role in ("question", "context", "answers", "starts"))
    for row, (question, context, own, starts) in enumerate(zip(*columns, strict=True)):
        if own is None and rows.needs_target and not impossible[row]:
            missing.append((row, ""))
        answers, searched, problem = _answers(own, starts, context)
        if impossible[row] and answers:
            problem = f"is_impossible, but with the answer {answers[0][0]!r}"
        if problem:
            wrong.append((row, problem))
        notes["searched"] += searched
        told = () if impossible[row] else None if own is None else answers
        values.append({"question": question, "context": context, "answers": told})
    rows.refuse(missing, "have no answers", "Fill them in; a question without an answer has an empty list.")
    advice = "Starts count characters from 0; leave the start away to have the answer searched in its context."
    rows.refuse(wrong, "have an answer that is not in its context at its place", advice)
    return rows.with_group(values)


def _of_prompts(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    rows.check_target()
    for role in ("prompt", "completion"):
        bad = [(row, repr(v)) for row, v in enumerate(rows.column(role)) if not (isinstance(v, str) or _may_lack(rows, role, v))]
        rows.refuse(bad, f"have no text as {role}", "Fill it in or remove the rows.")
    pairs = zip(rows.column("prompt"), rows.column("completion"), strict=True)
    return rows.with_group([{"prompt": prompt, "completion": completion} for prompt, completion in pairs])


def _may_lack(rows: _Rows, role: str, value: Any) -> bool:
    return role in ("completion", "target") and value is None and not rows.needs_target


def _of_messages(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    """The last message is the completion, where it is the assistant's; all before it are the prompt."""
    conversations = [listed(value) or [] for value in rows.column("messages")]
    known = ("role", "content")
    bad = [(row, "") for row, own in enumerate(conversations) if not own or not all(map(_is_message, own))]
    rows.refuse(bad, "have no list of messages", 'Write them so: [{"role": "user", "content": "Hello"}, ...].')
    last = [own[-1]["role"] for own in conversations]
    bad = [(row, f"the last is of {role!r}") for row, role in enumerate(last) if role != "assistant" and rows.needs_target]
    rows.refuse(bad, "do not end with a message of the assistant", "That one is learnt; remove what comes after it.")
    short = [(row, "") for row, own in enumerate(conversations) if len(own) < 2 and own[-1]["role"] == "assistant"]
    rows.refuse(short, "have no message before the assistant's", "Give what it answers to.")
    values = []
    for own in conversations:
        cut = len(own) - (own[-1]["role"] == "assistant")
        prompt = tuple({key: str(message[key]) for key in known} for message in own[:cut])
        values.append({"prompt": prompt, "completion": str(own[-1]["content"]) if cut < len(own) else None})
    return rows.with_group(values)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)


def _of_pairs(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    """Sources and targets; `references` are further targets, where the table has such columns."""
    rows.check_target()
    for role in ("source", "target"):
        bad = [(row, repr(v)) for row, v in enumerate(rows.column(role)) if not (isinstance(v, str) or _may_lack(rows, role, v))]
        rows.refuse(bad, f"have no text as {role}", "Fill it in or remove the rows.")
    further = numbered(rows.table.columns, rows.found.columns.get("target", ""))[1:]
    if further:
        notes[f"Beside {rows.found.columns['target']!r}, {', '.join(map(repr, further))} are references too."] += 1
    lists = rows.column("references")
    bad = [(row, repr(v)) for row, v in enumerate(lists) if not all(isinstance(text, str) for text in _references(v))]
    rows.refuse(bad, "have references that are no texts", 'Write them as a list: ["one", "another"].')
    values = []
    for row, (source, target) in enumerate(zip(rows.column("source"), rows.column("target"), strict=True)):
        texts = (*_references(lists[row]), *(rows.table.columns[c][row] for c in further))
        own = {"source": source, "target": target}
        values.append({**own, "references": tuple(t for t in texts if t)} if further or rows.has("references") else own)
    return rows.with_group(values)


def _references(value: Any) -> list[Any]:
    """The items of a list, a text alone, or nothing where there is none."""
    items = listed(value)
    return items if items is not None else [] if is_missing(value) else [value]


def _of_passages(rows: _Rows, names: Sequence[str], notes: Counter[str]) -> list[dict[str, Any]]:
    bad = [(row, "") for row, text in enumerate(rows.column("passage")) if not isinstance(text, str)]
    rows.refuse(bad, "have no passage", "Fill it in or remove the rows.")
    return rows.with_group([{"passage": text} for text in rows.column("passage")])


_MAKE = {
    "tokens": _of_tokens,
    "spans": _of_spans,
    "answers": _of_answers,
    "prompts": _of_prompts,
    "messages": _of_messages,
    "pairs": _of_pairs,
    "passages": _of_passages,
}


def _answers(own: Any, starts: Any, context: str) -> tuple[tuple[tuple[str, int], ...], int, str | None]:
    """The answers with their starts, how many starts had to be searched, and what is wrong with one of them."""
    texts, places = _texts_and_places(own, starts)
    if len(texts) != len(places):
        return (), 0, f"{len(texts)} answers, {len(places)} starts"
    found: list[tuple[str, int]] = []
    searched = 0
    for text, place in zip(texts, places, strict=True):
        if not isinstance(text, str):
            return (), 0, f"{text!r} is no text"
        if not text.strip():  # how tables write that there is no answer
            continue
        given = not is_missing(place) and place != -1
        start = _whole(place) if given else context.find(text)
        if start is None:
            return (), 0, f"{text!r} at {place!r}, which is no number"
        searched += not given
        if start < 0:
            return (), 0, f"{text!r} is nowhere in the context" if not given else f"{text!r} at {start}"
        if context[start : start + len(text)] != text:
            return (), 0, f"{text!r} at {start}, where the context has {context[start : start + len(text)]!r}"
        found.append((text, start))
    return tuple(found), searched, None


def _texts_and_places(own: Any, starts: Any) -> tuple[list[Any], list[Any]]:
    """Texts and starts out of any of the forms in which answers are written; None for a start that is not given."""
    if isinstance(own, dict):
        return _texts_and_places(own.get("text"), own.get("answer_start", own.get("start")))
    several = listed(own)
    if several and all(isinstance(one, dict) for one in several):
        return [one.get("text") for one in several], [one.get("answer_start", one.get("start")) for one in several]
    if several and all(_is_pair(one) for one in several):
        return [one[0] for one in several], [one[1] for one in several]
    texts = several if several is not None else [] if own is None else [own]
    places = listed(starts)
    if places is None:
        places = [starts] if several is None and not is_missing(starts) else [None] * len(texts)
    return texts, places if places or not texts else [None] * len(texts)


def _whole(value: Any) -> int | None:
    """12 of 12, "12" and "12.0", which is how a column of numbers is written as soon as one of them is missing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _is_pair(value: Any) -> bool:
    """("Paris", 17), as samples have it."""
    return isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def _unique_ids(tables: dict[str, list[Table]], found: LanguageColumns) -> bool:
    """Whether every row of every table has an id of its own."""
    column = found.columns.get("id")
    ids = [value for parts in tables.values() for table in parts for value in table.columns.get(column, [None] * len(table))]
    return column is not None and not any(map(is_missing, ids)) and len(set(map(str, ids))) == len(ids)


def _by_split_column(table: Table, found: LanguageColumns, split: str) -> dict[str, Iterable[int]]:
    if "split" not in found.columns or split != "all":
        return {split: range(len(table))}
    values = [str(v).strip() for v in table.columns[found.columns["split"]]]
    meaning = splits_of(set(values))
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault(meaning[value], []).append(row)
    return rows


def _said(notes: Counter[str]) -> list[str]:
    searched = notes.pop("searched", 0)
    words = f"{searched:,} answers came without a start; the first place where they stand in their context was taken."
    return [*notes, *([words] if searched else [])]
