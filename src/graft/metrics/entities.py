"""Metrics of predicted entities, and of predicted tags of tokens.

Scores and targets are object arrays (N,): for each text the tags of its tokens, predicted and true,
of equal number and in BIO. A predicted entity is right if its type and both its ends are; counts
are of all types together, as in seqeval's `f1_score` and in conlleval. Undefined values are nan:
precision without predicted entities, recall without true ones.

Example: graft evaluate runs/entities conll2003
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from graft.base.tags import Span, spans
from graft.metrics.metric import divide, metric_of_sums, ratio


def per_type(scores: NDArray, targets: NDArray) -> dict[str, dict[str, float | int]]:
    """Type -> `precision`, `recall`, `f1` (nan if undefined) and `support`, its true entities."""
    hits, predicted, actual = Counter(), Counter(), Counter()
    for guessed, true in _span_sets(scores, targets):
        for counter, entities in ((hits, guessed & true), (predicted, guessed), (actual, true)):
            counter.update(kind for kind, _, _ in entities)
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
    return [
        (set(spans(guessed, "bio")), set(spans(true, "bio")))
        for guessed, true in zip(scores, targets, strict=True)
    ]


def _entity_counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 3): entities that are predicted and true, predicted, true."""
    rows = [
        (len(guessed & true), len(guessed), len(true))
        for guessed, true in _span_sets(scores, targets)
    ]
    return np.array(rows, float).reshape(-1, 3)


def _token_counts(scores: NDArray, targets: NDArray) -> NDArray:
    """(N, 2): tokens with the right tag, tokens."""
    rows = [
        (sum(a == b for a, b in zip(t, s, strict=True)), len(t))
        for s, t in zip(scores, targets, strict=True)
    ]
    return np.array(rows, float).reshape(-1, 2)


entity_f1 = metric_of_sums(
    "entity_f1",
    _entity_counts,
    lambda sums: divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2]),
    words="entity F1",
    undefined="no entity is predicted or true",
)
"""The harmonic mean of `entity_precision` and `entity_recall`."""

entity_precision = metric_of_sums(
    "entity_precision", _entity_counts, ratio, undefined="no entity is predicted"
)
"""The share of predicted entities that are true."""

entity_recall = metric_of_sums(
    "entity_recall",
    _entity_counts,
    lambda sums: divide(sums[..., 0], sums[..., 2]),
    undefined="no entity is true",
)
"""The share of true entities that are predicted."""

token_accuracy = metric_of_sums("token_accuracy", _token_counts, ratio)
"""The share of tokens that have the right tag."""

METRICS = {
    metric.name: metric for metric in (entity_f1, entity_precision, entity_recall, token_accuracy)
}
