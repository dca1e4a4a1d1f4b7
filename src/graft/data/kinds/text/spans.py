"""Count tags, and convert spans in a text to tokens with tags."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from graft.base.errors import DataError
from graft.base.tags import marks_entities, spans


def names_of(tags: Iterable[str]) -> set[str]:
    """The types of entities in the tags, or the tags themselves where they are plain."""
    distinct = set(tags)
    if not marks_entities(distinct):
        return distinct
    return {tag[2:] for tag in distinct if tag != "O"}


def count(sequences: Iterable[Sequence[str]], of_entities: bool) -> Counter[str]:
    """Count the entities of each type, or each plain tag."""
    scheme = "bio" if of_entities else "plain"
    return Counter(name for tags in sequences for name, _, _ in spans(tags, scheme))


def words(text: str) -> list[tuple[int, int]]:
    """The (start, end) of each word and each sign of punctuation, in order."""
    return [match.span() for match in _words().finditer(text)]


@cache
def _words() -> re.Pattern[str]:
    """Words with their vowel signs and accents, which `\\w` alone does not know."""
    marks = "".join(chr(c) for c in range(0x10000) if unicodedata.category(chr(c)).startswith("M"))
    return re.compile(rf"\w[\w{marks}\u200c\u200d]*|[^\w\s][{marks}]*")


def tag_spans(
    text: str, spans: Sequence[tuple[int, int, str]], row: str
) -> tuple[list[tuple[int, int]], list[str]]:
    """Return the (start, end) of each token, and BIO tags of the spans (start, end, type).

    Raises DataError if a span is outside the text, ends inside a token, holds none, or overlaps
    another.
    """
    offsets = words(text)
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    tags = ["O"] * len(offsets)
    last: tuple[int, int, str] | None = None
    for span in sorted(spans, key=lambda s: s[:2]):
        start, end, name = span
        inside = range(bisect_right(ends, start), bisect_left(starts, end))
        problem = None
        if not 0 <= start < end <= len(text):
            problem = f"is outside the text, which has {len(text):,} characters"
        elif last is not None and start < last[1]:
            problem = f"overlaps {_describe(text, last)}"
        elif not inside:
            problem = "holds no word"
        elif (first := starts[inside[0]]) < start or ends[inside[-1]] > end:
            after = ends[inside[-1]]
            problem = (
                f"cuts a word in two; whole words are {first} to {after}, {text[first:after]!r}"
            )
        if problem:
            raise DataError(
                f"{row}: the span {_describe(text, span)} {problem}. "
                "Fix it: start and end count characters from 0."
            )
        for i in inside:
            tags[i] = ("B-" if i == inside[0] else "I-") + name
        last = span
    return offsets, tags


def _describe(text: str, span: tuple[int, int, Any]) -> str:
    start, end, name = span
    return f"{start} to {end} ({name}, {text[max(start, 0) : max(end, 0)]!r})"
