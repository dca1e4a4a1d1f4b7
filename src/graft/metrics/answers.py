"""Metrics of answers to questions, as SQuAD defines them.

Scores are an object array (N,) of predicted texts, "" for no answer; targets are one of tuples of
accepted texts, empty if the question has no answer. Of several accepted texts the nearest to the
prediction counts. Source: Rajpurkar et al., arXiv:1606.05250 and arXiv:1806.03822.

Example: graft evaluate runs/questions questions
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graft.metrics.metric import metric_of_sums, ratio

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def normalize_text(text: str) -> str:
    """Return the text in lower case, without ASCII punctuation, English articles, extra blanks."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact(prediction: str, accepted: Sequence[str]) -> float:
    """1 where the normalized prediction is one of the accepted texts, else 0."""
    return float(normalize_text(prediction) in _normalize_accepted(accepted))


def overlap(prediction: str, accepted: Sequence[str]) -> float:
    """F1 of the words of the prediction, by the accepted text for which it is highest."""
    return max(
        _word_f1(normalize_text(prediction).split(), text.split())
        for text in _normalize_accepted(accepted)
    )


def _normalize_accepted(accepted: Sequence[str]) -> list[str]:
    """Normalize the accepted texts; the empty text if none of them has a word."""
    return [text for text in map(normalize_text, accepted) if text] or [""]


def _word_f1(guessed: list[str], true: list[str]) -> float:
    if not guessed or not true:
        return float(guessed == true)
    return 2 * (Counter(guessed) & Counter(true)).total() / (len(guessed) + len(true))


def _exact(scores: NDArray, targets: NDArray) -> NDArray:
    pairs = zip(scores, targets, strict=True)
    return np.array([(exact(guessed, true), 1) for guessed, true in pairs], float).reshape(-1, 2)


def _overlap(scores: NDArray, targets: NDArray) -> NDArray:
    pairs = zip(scores, targets, strict=True)
    return np.array([(overlap(guessed, true), 1) for guessed, true in pairs], float).reshape(-1, 2)


exact_match = metric_of_sums("exact_match", _exact, ratio)
"""The share of questions with exactly an accepted answer, or correctly without an answer."""

answer_f1 = metric_of_sums("answer_f1", _overlap, ratio, words="answer F1")
"""The mean F1 of the words of the predicted and the accepted answer."""

METRICS = {metric.name: metric for metric in (exact_match, answer_f1)}
