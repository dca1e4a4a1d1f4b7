"""How good answers to questions are, by the definitions of SQuAD (Rajpurkar et al., arXiv:1606.05250 and arXiv:1806.03822).

Scores are an object array (N,) of predicted texts, "" for no answer; targets one of tuples of accepted texts, empty where
the question has no answer. Of several accepted ones that counts which is nearest to the prediction.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import of_sums, ratio

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalized(text: str) -> str:
    """The text without capitals, punctuation (of ASCII), English articles, and white space beyond single blanks."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact(prediction: str, accepted: Sequence[str]) -> float:
    """1 where the normalized prediction is one of the accepted texts, else 0."""
    return float(normalized(prediction) in _to_compare(accepted))


def overlap(prediction: str, accepted: Sequence[str]) -> float:
    """F1 of the words of the prediction, by the accepted text for which it is highest."""
    return max(
        _word_f1(normalized(prediction).split(), text.split()) for text in _to_compare(accepted)
    )


def _to_compare(accepted: Sequence[str]) -> list[str]:
    """The accepted texts, normalized; the empty one where none of them has a word."""
    return [found for found in map(normalized, accepted) if found] or [""]


def _word_f1(told: list[str], true: list[str]) -> float:
    if not told or not true:
        return float(told == true)
    return 2 * (Counter(told) & Counter(true)).total() / (len(told) + len(true))


def _exact(scores: NDArray, targets: NDArray) -> NDArray:
    return np.array(
        [(exact(told, true), 1) for told, true in zip(scores, targets, strict=True)], float
    ).reshape(-1, 2)


def _overlap(scores: NDArray, targets: NDArray) -> NDArray:
    return np.array(
        [(overlap(told, true), 1) for told, true in zip(scores, targets, strict=True)], float
    ).reshape(-1, 2)


exact_match = of_sums("exact_match", _exact, ratio)
"""The share of questions answered in the very words of an accepted answer, or rightly not at all."""

answer_f1 = of_sums("answer_f1", _overlap, ratio)
"""The mean F1 of the words of the predicted and the accepted answer."""

METRICS = {metric.name: metric for metric in (exact_match, answer_f1)}
