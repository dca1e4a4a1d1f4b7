"""Tags of tokens: the schemes they are written in, the entities they mark, and how good predicted ones are.

Scores and targets are object arrays (N,): for each text the tags of its tokens, predicted and true, of equal number and in
BIO. A predicted entity is right where its type and both its ends are; the counts are of all types together, as in
seqeval's `f1_score` and in conlleval. What is undefined is nan: precision where nothing is predicted, recall where nothing
is true.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import divide, of_sums, ratio

Scheme = Literal["iob1", "bio", "bioes", "plain"]
"""`iob1`: B only between neighbours of one type (CoNLL-2003). `bio`: each entity begins with B (IOB2). `bioes`: with marks of
the end and of entities of one token, also as BILOU. `plain`: tags that mark no entities, such as parts of speech."""
Span = tuple[str, int, int]
"""(type, first token, last token + 1)."""

OUTSIDE = "O"
_TAG = re.compile(r"[BIESLU]-.+")
_SYNONYMS = {"L": "E", "U": "S"}


def scheme_of(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme in which the tags of these texts are written; where it could be any, `bio`."""
    sequences = [tuple(tags) for tags in sequences]
    found = {tag for tags in sequences for tag in tags} - {OUTSIDE}
    if not all(map(_TAG.fullmatch, found)):
        return "plain"
    if any(tag[0] in "ESLU" for tag in found):
        return "bioes"
    pairs = [pair for tags in sequences for pair in zip((OUTSIDE, *tags), tags, strict=False)]
    touching = all(before[1:] == tag[1:] for before, tag in pairs if tag[0] == "B")
    begun_by_i = any(before[1:] != tag[1:] for before, tag in pairs if tag[0] == "I")
    return "iob1" if touching and begun_by_i else "bio"


def spans(tags: Sequence[str], scheme: Scheme) -> list[Span]:
    """The entities that the tags mark; of plain ones each token.

    Tags that break their scheme are read as conlleval and seqeval's default mode read them: an entity begins at B and S,
    behind E and S, and wherever the type is another than before.
    """
    if scheme == "plain":
        return [(tag, i, i + 1) for i, tag in enumerate(tags)]
    found: list[Span] = []
    before, kind = OUTSIDE, ""
    for i, tag in enumerate(tags):
        mark, kind_here = _SYNONYMS.get(tag[0], tag[0]), tag[2:]
        if mark != OUTSIDE:
            if before == OUTSIDE or mark in "BS" or before in "ES" or kind_here != kind:
                found.append((kind_here, i, i + 1))
            else:
                found[-1] = (kind, found[-1][1], i + 1)
        before, kind = mark, kind_here
    return found


def to_bio(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The tags that mark the same entities in BIO; plain ones as they are."""
    if scheme == "plain":
        return list(tags)
    found = [OUTSIDE] * len(tags)
    for kind, first, end in spans(tags, scheme):
        found[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return found


def per_type(scores: NDArray, targets: NDArray) -> dict[str, dict[str, float | int]]:
    """Type -> `precision`, `recall`, `f1` (nan where undefined) and `support`, the number of its true entities."""
    hits, predicted, actual = Counter(), Counter(), Counter()
    for told, true in _span_sets(scores, targets):
        for counter, found in ((hits, told & true), (predicted, told), (actual, true)):
            counter.update(kind for kind, _, _ in found)
    return {
        kind: {
            "precision": float(divide(hits[kind], predicted[kind])),
            "recall": float(divide(hits[kind], actual[kind])),
            "f1": float(divide(2 * hits[kind], predicted[kind] + actual[kind])),
            "support": actual[kind],
        }
        for kind in sorted(predicted | actual)
    }


def _span_sets(scores: NDArray, targets: NDArray) -> list[tuple[set[Span], set[Span]]]:
    return [(set(spans(told, "bio")), set(spans(true, "bio"))) for told, true in zip(scores, targets, strict=True)]


def _entity_counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3): entities that are predicted and true, predicted, true."""
    rows = [(len(told & true), len(told), len(true)) for told, true in _span_sets(scores, targets)]
    return np.array(rows, float).reshape(-1, 3)


def _token_counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 2): tokens with the right tag, tokens."""
    rows = [(sum(a == b for a, b in zip(t, s, strict=True)), len(t)) for s, t in zip(scores, targets, strict=True)]
    return np.array(rows, float).reshape(-1, 2)


entity_f1 = of_sums("entity_f1", _entity_counts, lambda sums: divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2]))
"""The harmonic mean of `entity_precision` and `entity_recall`."""

entity_precision = of_sums("entity_precision", _entity_counts, ratio)
"""The share of predicted entities that are true."""

entity_recall = of_sums("entity_recall", _entity_counts, lambda sums: divide(sums[..., 0], sums[..., 2]))
"""The share of true entities that are predicted."""

token_accuracy = of_sums("token_accuracy", _token_counts, ratio)
"""The share of tokens that have the right tag."""

METRICS = {metric.name: metric for metric in (entity_f1, entity_precision, entity_recall, token_accuracy)}
