"""chrF of a corpus as sacreBLEU has it: n-grams of up to six characters, beta 2.

Scores are an object array (N,) of generated texts, targets one of tuples of references (one or
more), of which the one with the highest chrF counts; fractions between 0 and 1.
Source: Popović, WMT 2015, aclanthology W15-3049.
Example: graft evaluate runs/translation multi30k
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import divide, metric_of_sums

ORDER = 6
"""The longest n-grams that are counted, in characters without white space."""
BETA = 2.0
"""Recall counts this many times as much as precision."""


def _ngrams(text: str) -> list[Counter[str]]:
    characters = "".join(text.split())
    return [
        Counter(characters[i : i + n] for i in range(len(characters) - n + 1))
        for n in range(1, ORDER + 1)
    ]


def _counts(ours: Sequence[Counter[str]], theirs: Sequence[Counter[str]]) -> NDArray:
    """(3 ORDER,) for each order: the n-grams of the text, of the reference, and of both.

    The first is 0 if the reference has none.
    """
    counts = [
        number
        for our, their in zip(ours, theirs, strict=True)
        for number in (our.total() if their else 0, their.total(), (our & their).total())
    ]
    return np.array(counts, float)


def _best(written: str, references: Sequence[str]) -> NDArray:
    ours = _ngrams(written)
    return max(
        (_counts(ours, _ngrams(reference)) for reference in references),
        key=lambda counts: float(_value(counts)),
    )


def _parts(scores: NDArray, targets: NDArray) -> NDArray:
    rows = [_best(written, references) for written, references in zip(scores, targets, strict=True)]
    return np.array(rows, float).reshape(-1, 3 * ORDER)


def _value(sums: NDArray) -> NDArray:
    """F of precision and recall, each the mean over the orders in which both have n-grams."""
    made, wanted, shared = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    both = (made > 0) & (wanted > 0)
    orders = both.sum(axis=-1)
    precision, recall = (
        np.nan_to_num(divide((divide(shared, size) * both).sum(-1, where=both), orders))
        for size in (made, wanted)
    )
    return np.nan_to_num(divide((1 + BETA**2) * precision * recall, BETA**2 * precision + recall))


chrf = metric_of_sums("chrf", _parts, _value, words="chrF")
"""The F-score of n-grams of characters; needs no words, so it suits every language and script."""

METRICS = {chrf.name: chrf}
