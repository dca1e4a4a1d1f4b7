"""Tokens, each with its tag: entities, parts of speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Sample
from graft.base.tags import marks_entities
from graft.data.checks.classes import rare_classes, summarize_counts
from graft.data.checks.finding import Finding, counts
from graft.data.checks.texts import empty, lengths, text_findings
from graft.data.data import Data
from graft.data.kinds.classes.labeled import LABEL
from graft.data.kinds.kind import Kind, make_splits
from graft.data.kinds.text.spans import count, names_of, tag_spans
from graft.data.tables.cells import are_lists, are_scalars, are_words, as_list, is_missing
from graft.data.tables.columns import Columns, Fit, Match
from graft.data.tables.inputs import TEXT
from graft.data.tables.rows import Rows, class_names, note_names

_TAGS = (
    "tags", "ner_tags", "labels", "ner", "label", "pos_tags", "upos", "pos", "chunk_tags",
)  # fmt: skip
TYPE = "entity"
"""The type of entities whose tags, B and I, have none."""
FEWEST_TOKENS = 5
"""Shorter sentences, such as datelines and scores, recur by chance and are not copies."""


class Tags(Kind):
    """`tokens` and `tags`, one each; with `text` and `offsets` if their places are known."""

    inputs: ClassVar = (frozenset({"tokens"}),)
    target: ClassVar = "tags"
    columns: ClassVar = {
        "tokens": ("tokens", "words"),
        "tags": _TAGS,
        "spans": ("spans", "entities", "label", "labels"),
        "text": TEXT,
        "offsets": ("offsets",),
    }
    blanks: ClassVar = ({"tokens": (), "tags": ()}, {"tokens": ("", " "), "tags": ("O", "O")})

    def match(self, columns: Columns) -> Match | None:
        forms = (self._match_tokens, self._match_spans, self._match_words)
        return next((match for form in forms if (match := form(columns))), None)

    def _match_tokens(self, columns: Columns) -> Match | None:
        """Lists of tokens and of tags; tokens without tags are the words of a text next to them."""
        asked = set(columns.asked)
        if "spans" in asked or ("text" in asked and not {"tokens", "tags"} & asked):
            return None
        tokens = columns.one("tokens", self.columns, _are_lists_of_words)
        tags = self._find_tags(columns, tokens)
        text = columns.one("text", self.columns, are_words)
        offsets = columns.one("offsets", self.columns, lambda values: bool(text))
        if not {"tokens", "tags", "offsets"} & asked:
            is_bare = text and not tags and not offsets
            if not tokens or is_bare or (columns.needs_target and not tags):
                return None
        roles = {"tokens": tokens, "tags": tags, "text": text, "offsets": offsets}
        columns.require(roles, ["tokens", "tags"] if columns.needs_target else ["tokens"])
        return Match(roles, Fit.LISTS, self._notes(columns, roles))

    def _find_tags(self, columns: Columns, tokens: list[str]) -> list[str]:
        """The column of tags by its name, else one of lists of words as long as the tokens'."""
        named = columns.one("tags", self.columns, lambda values: are_lists(values, _is_tag), tokens)
        if named or not tokens:
            return named
        lists = [name for name in columns if _are_lists_of_words(columns[name])]
        sizes = {
            name: [len(as_list(cell) or ()) for cell in columns[name]] for name in (*tokens, *lists)
        }
        return [n for n in lists if n not in tokens and sizes[n] == sizes[tokens[0]]][:1]

    def _match_spans(self, columns: Columns) -> Match | None:
        spans = columns.one("spans", self.columns, lambda values: are_lists(values, _is_span))
        text = columns.one("text", self.columns, are_words)
        if not spans or (not text and "spans" not in columns.asked):
            return None
        roles = {"spans": spans, "text": text}
        columns.require(roles, ["text", "spans"] if columns.needs_target else ["text"])
        return Match(roles, Fit.LISTS)

    def _match_words(self, columns: Columns) -> Match | None:
        """One word a row with its tag: a near miss, as nothing says where sentences end."""
        words = columns.first(("word", "token"), are_scalars)
        tags = columns.first(
            ("tag", "ner_tag", *self.columns["tags"]),
            lambda v: are_scalars(v) and marks_entities(map(str, v)),
        )
        if not words or not tags or columns.asked:
            return None
        problem = (
            f"has one word a row ({words[0]!r} with its {tags[0]!r}). Give a sentence "
            "a row, with a list of tokens and one of tags; or lines of a word and "
            "its tag with a blank line between sentences (.conll). For a class of "
            f"each word alone: --columns text={words[0]} --columns label={tags[0]}."
        )
        return Match({}, Fit.NEAR_MISS, problem=problem)

    def _notes(self, columns: Columns, roles: dict[str, list[str]]) -> list[str]:
        """Note other columns that may be the tags, or a class of the whole sample."""
        if "tags" in columns.asked or not roles["tags"] or not columns.needs_target:
            return []
        notes = []
        used = {name for names in roles.values() for name in names}
        for name in columns.first(_TAGS, lambda values: are_lists(values, _is_tag), used):
            chosen = f"The tags are of the column {roles['tags'][0]!r}"
            notes.append(f"{chosen}; for another: --columns tags={name}.")
        for name in columns.first(LABEL, are_scalars, used):
            asked = f"--columns text={roles['tokens'][0]} --columns label={name}"
            notes.append(
                f"The column {name!r} may be a class of each sample; to learn it: {asked}."
            )
        return notes

    def samples(self, tables: Sequence[Rows]) -> list[list[dict[str, Any]]]:
        values = [
            _read_spans(rows) if rows.columns.get("spans") else _read_tokens(rows)
            for rows in tables
        ]
        tags = {tag for part in values for value in part for tag in value["tags"] or ()}
        names: dict[Any, str] = {}
        if {"B", "I"} <= tags <= set("BIOESLUM"):
            tables[0].notes[
                f"The tags {', '.join(sorted(tags))} have no "
                f"type; they mark entities of one type, {TYPE!r}."
            ] = None
            names = {tag: f"{tag}-{TYPE}" for tag in tags if tag != "O"}
        elif numbers := {tag for tag in tags if not isinstance(tag, str)}:
            names = _number_names(tables, numbers)
        return [
            [{**value, "tags": _rename(value["tags"], names)} for value in part] for part in values
        ]

    def words(self, sample: Sample) -> str:
        return " ".join(sample.roles["tokens"])

    def content(self, sample: Sample) -> str:
        """Tokens are compared as they are, since capitals tell names."""
        return "tokens " + "\0".join(sample.roles["tokens"])

    def may_recur(self, sample: Sample) -> bool:
        return len(sample.roles.get("tokens", range(FEWEST_TOKENS))) < FEWEST_TOKENS

    def counts(self, splits: dict[str, list[Sample]]) -> dict[str, Counter[str]]:
        """Count the entities of each type, or each plain tag."""
        sequences = {split: _sequences(samples) for split, samples in splits.items()}
        of_entities = marks_entities(
            tag for part in sequences.values() for tags in part for tag in tags
        )
        return {split: count(part, of_entities) for split, part in sequences.items()}

    def classes(self, samples: Sequence[Sample]) -> set[str]:
        """The types of entities, or the tags themselves where they are plain."""
        return names_of(tag for tags in _sequences(samples) for tag in tags)

    def problem(self, samples: Sequence[Sample]) -> str | None:
        is_tagged = any(tag != "O" for tags in _sequences(samples) for tag in tags)
        return None if is_tagged else "every tag is O"

    def findings(self, data: Data) -> list[Finding]:
        samples = [sample for part in data.splits.values() for sample in part]
        tokens = [
            (sample.id, sample.roles["tokens"]) for sample in samples if "tokens" in sample.roles
        ]
        bare = Data({"unlabeled": [s for s in samples if "tokens" not in s.roles]}, kind=self.name)
        findings = [*self._tag_findings(data), *text_findings(bare, {})]
        if tokens:
            findings.append(lengths("Samples", "tokens", [len(words) for _, words in tokens]))
        return [*findings, *empty("sample", [name for name, words in tokens if not words])]

    def _tag_findings(self, data: Data) -> list[Finding]:
        """Report the numbers of samples, tokens and entities, and rare types."""
        by_split, classes = data.counts(), data.classes
        known = {tag for part in data.splits.values() for tags in _sequences(part) for tag in tags}
        noun, example, types = ("entity type", "an entity", "types of entities")
        if not marks_entities(known):
            noun, example, types = "tag", "a token", "tags"
        total = counts(
            data.splits,
            f"samples with {len(classes)} {types}",
            lambda part: f" ({_tokens(part):,} tokens)",
        )
        return [total, *summarize_counts(by_split), *rare_classes(by_split, classes, noun, example)]

    def difference(self, one: Sample, other: Sample) -> str:
        """The first token that has two tags."""
        tags = zip(one.roles["tokens"], one.roles["tags"], other.roles["tags"], strict=True)
        token, a, b = next((token, a, b) for token, a, b in tags if a != b)
        return f"{one.id} is {a!r} at {token!r} / {other.id} is {b!r}"

    def tiny(self) -> dict[str, Data]:
        tokens = ("Zoë", "Müller", "left", "New", "York\u2028City", "#1", ".")
        tags = (
            ("B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "O"),
            ("I-PER", "I-PER", "O", "I-LOC", "B-LOC", "O", "O"),
        )

        def sentence(split: str, i: int) -> dict[str, Any]:
            return {
                "tokens": (f"{split}{i}", *tokens),
                "tags": ("O", *tags[i % 2]),
                "group": f"{split} {i // 2}",
            }

        return {"tokens": Data(make_splits(sentence, 4), kind=self.name)}


def _read_tokens(rows: Rows) -> list[dict[str, Any]]:
    rows.require(["tokens", "tags"] if rows.needs_target else ["tokens"])
    rows.check_target([value is None for value in rows.column("tags")])
    tokens, tags = ([as_list(value) for value in rows.column(role)] for role in ("tokens", "tags"))
    no_words = (
        words is None or not all(isinstance(token, str) for token in words) for words in tokens
    )
    advice = 'Write them as a list: ["one", "two"].'
    rows.refuse(no_words, "have no list of strings as tokens", advice)
    strange = (next((repr(tag) for tag in marks or () if not _is_tag(tag)), None) for marks in tags)
    advice = "Each token needs one tag."
    rows.refuse(strange, "have tags that are neither words nor numbers", advice)
    pairs = list(zip(tokens, tags, strict=True))
    uneven = (
        marks is not None
        and len(words) != len(marks)
        and f"{len(words):,} tokens, {len(marks):,} tags"
        for words, marks in pairs
    )
    rows.refuse(uneven, "have another number of tags than of tokens", advice)
    values = [
        {"tokens": tuple(words), "tags": None if marks is None else tuple(marks)}
        for words, marks in pairs
    ]
    return _add_offsets(rows, values) if rows.has("text") and rows.has("offsets") else values


def _add_offsets(rows: Rows, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the text of the tokens, and their offsets in it."""
    whole, wrong = [], []
    columns = (rows.column(role) for role in ("text", "offsets"))
    for value, text, places in zip(values, *columns, strict=True):
        offsets = _offsets(places)
        parts = [text[start:end] for start, end in offsets] if isinstance(text, str) else None
        wrong.append(parts != list(value["tokens"]))
        whole.append({**value, "text": text, "offsets": offsets})
    advice = "An offset is [start, end], in characters from 0."
    rows.refuse(wrong, "have offsets at which the text does not hold the tokens", advice)
    return whole


def _offsets(cell: Any) -> tuple[tuple[int, int], ...]:
    """The start and end of each token; nothing where the cell holds anything else."""
    try:
        return tuple((int(start), int(end)) for start, end in as_list(cell) or ())
    except (TypeError, ValueError, OverflowError):
        return ()


def _read_spans(rows: Rows) -> list[dict[str, Any]]:
    rows.require(["text", "spans"] if rows.needs_target else ["text"])
    texts = rows.texts("text")
    spans = rows.column("spans")
    if rows.needs_target:
        rows.refuse(
            (marked is None for marked in spans), "have no list of spans", "An empty one is []."
        )
    values = []
    for row, (text, marked) in enumerate(zip(texts, spans, strict=True)):
        name = rows.table.row_id(row)
        offsets, tags = tag_spans(text, [_span(span, name) for span in as_list(marked) or ()], name)
        tokens = tuple(text[start:end] for start, end in offsets)
        values.append(
            {
                "tokens": tokens,
                "tags": None if marked is None else tuple(tags),
                "text": text,
                "offsets": tuple(offsets),
            }
        )
    return values


def _span(value: Any, row: str) -> tuple[int, int, str]:
    keys = (("start", "start_offset"), ("end", "end_offset"), ("label", "type", "tag"))
    parts = as_list(value)
    if isinstance(value, dict):
        parts = [next((value[k] for k in names if k in value), None) for names in keys]
    wrong = (is_missing(part) or isinstance(part, bool) for part in parts or ())
    if parts is None or len(parts) != 3 or any(wrong):
        raise DataError(
            f"{row}: {value!r} is not a span. "
            'Write {"start": 0, "end": 5, "label": "PER"}, or [0, 5, "PER"].'
        )
    try:
        return int(parts[0]), int(parts[1]), str(parts[2])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{row}: {value!r} is not a span: start and end must be whole numbers."
        ) from error


def _number_names(tables: Sequence[Rows], numbers: set[int]) -> dict[Any, str]:
    """Return the names of numeric tags if all have one; a note says so, or where to give names."""
    names = next(filter(None, (class_names(rows, "tags") for rows in tables)), [])
    called = {n: names[int(n)] for n in sorted(numbers) if 0 <= int(n) < len(names)}
    if len(called) < len(numbers):
        words = (
            "The tags are numbers whose names are not known; "
            "give them in a classes.json beside the table."
        )
        called = {}
    else:
        words = note_names(called, "Tags")
    tables[0].notes[words] = None
    return called


def _rename(tags: tuple[Any, ...] | None, names: dict[Any, str]) -> tuple[str, ...] | None:
    return None if tags is None else tuple(names.get(tag, str(tag)) for tag in tags)


def _are_lists_of_words(values: Sequence[Any]) -> bool:
    return are_lists(values, lambda token: isinstance(token, str))


def _is_tag(value: Any) -> bool:
    return isinstance(value, str | int | np.integer)


def _is_span(value: Any) -> bool:
    if isinstance(value, dict):
        return "start" in value or "start_offset" in value
    parts = as_list(value)
    return parts is not None and len(parts) == 3 and not isinstance(parts[0], str)


def _sequences(samples: Sequence[Sample]) -> list[tuple[str, ...]]:
    return [sample.roles["tags"] for sample in samples if sample.roles.get("tags") is not None]


def _tokens(samples: Sequence[Sample]) -> int:
    return sum(len(sample.roles.get("tokens", ())) for sample in samples)
