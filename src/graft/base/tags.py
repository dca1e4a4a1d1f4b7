"""Tags of tokens: the schemes they are written in, and the entities they mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

Scheme = Literal["iob1", "bio", "bioes", "plain"]
"""`iob1`: B only between neighbors of one type (CoNLL-2003). `bio`: each entity begins with B
(IOB2). `bioes`: with marks of the end and of entities of one token, also as BILOU and BMES.
`plain`: tags that mark no entities, such as parts of speech."""
Span = tuple[str, int, int]
"""(type, first token, last token + 1)."""

OUTSIDE = "O"
_TAG = re.compile(r"[BIESLUM]-.+")
_SYNONYMS = {"L": "E", "U": "S", "M": "I"}


def marks_entities(tags: Iterable[str]) -> bool:
    """Whether these tags mark entities; False for plain tags, and if all are outside."""
    inside = set(tags) - {OUTSIDE}
    return bool(inside) and all(map(_TAG.fullmatch, inside))


def scheme_of(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme of the tags of these texts; `bio` if several schemes are possible."""
    sequences = [tuple(tags) for tags in sequences]
    inside = {tag for tags in sequences for tag in tags} - {OUTSIDE}
    if not all(map(_TAG.fullmatch, inside)):
        return "plain"
    if any(tag[0] in "ESLUM" for tag in inside):
        return "bioes"
    pairs = [pair for tags in sequences for pair in zip((OUTSIDE, *tags), tags, strict=False)]
    touching = all(before[1:] == tag[1:] for before, tag in pairs if tag[0] == "B")
    begun_by_i = any(before[1:] != tag[1:] for before, tag in pairs if tag[0] == "I")
    return "iob1" if touching and begun_by_i else "bio"


def spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """List the entities that the tags mark; of plain tags, each token is one.

    Tags that break their scheme are read as conlleval and seqeval's default mode read them: an
    entity begins at B and S, behind E and S, and wherever the type is another than before.
    """
    if scheme == "plain":
        return [(tag, i, i + 1) for i, tag in enumerate(tags)]
    entities: list[Span] = []
    before, kind = OUTSIDE, ""
    for i, tag in enumerate(tags):
        mark, kind_here = _SYNONYMS.get(tag[0], tag[0]), tag[2:]
        if mark != OUTSIDE:
            if before == OUTSIDE or mark in "BS" or before in "ES" or kind_here != kind:
                entities.append((kind_here, i, i + 1))
            else:
                entities[-1] = (kind, entities[-1][1], i + 1)
        before, kind = mark, kind_here
    return entities


def to_bio(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Convert tags to BIO; plain tags stay as they are."""
    if scheme == "plain":
        return list(tags)
    bio = [OUTSIDE] * len(tags)
    for kind, first, end in spans(tags, scheme):
        bio[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return bio
