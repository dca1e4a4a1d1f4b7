"""ROUGE-1, ROUGE-2 and ROUGE-L as the package rouge-score has them, without stemming.

Words are runs of the letters a to z and digits in any case: other scripts are ignored. Scores are
an object array (N,) of generated texts, targets one of tuples of references (one or more), of which
the one with the highest F-score counts; fractions between 0 and 1.
Source: Lin, ACL 2004 workshop, aclanthology W04-1013.
Example: graft evaluate runs/mails mails
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import Metric, metric_of_sums, ratio

_WORD = re.compile(r"[a-z0-9]+")
Shared = Callable[[Sequence[str], Sequence[str]], tuple[int, int, int]]
"""(words of two texts) -> the counts of shared n-grams, of those of the first, of the second."""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _count_ngrams(order: int) -> Shared:
    def ngrams(words: Sequence[str]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))

    def shared(one: Sequence[str], other: Sequence[str]) -> tuple[int, int, int]:
        ours, theirs = ngrams(one), ngrams(other)
        return (ours & theirs).total(), ours.total(), theirs.total()

    return shared


def _subsequence(one: Sequence[str], other: Sequence[str]) -> tuple[int, int, int]:
    """The length of the longest common subsequence, and of both."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = row
        row = [0]
        for place, theirs in enumerate(other):
            row.append(before[place] + 1 if word == theirs else max(before[place + 1], row[place]))
    return row[-1], len(one), len(other)


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0


def _metric(name: str, words: str, shared: Shared) -> Metric:
    def parts(scores: NDArray, targets: NDArray) -> NDArray:
        pairs = zip(scores, targets, strict=True)
        best = [
            (max(_f1(*shared(_words(text), _words(true))) for true in references), 1.0)
            for text, references in pairs
        ]
        return np.array(best, float).reshape(-1, 2)

    return metric_of_sums(name, parts, ratio, words=words)


rouge1 = _metric("rouge1", "ROUGE-1", _count_ngrams(1))
"""The mean F-score of the words."""

rouge2 = _metric("rouge2", "ROUGE-2", _count_ngrams(2))
"""The mean F-score of the pairs of words."""

rougeL = _metric("rougeL", "ROUGE-L", _subsequence)
"""The mean F-score of the longest sequence of words, with gaps, that both texts have."""

METRICS = {metric.name: metric for metric in (rouge1, rouge2, rougeL)}
