"""The trivial answers that a network for question answering must beat."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.tasks.task import objects
from graft.tasks.text.answer_spans import AnswerScores, Span

_SENTENCE = re.compile(r"""\S(?:.*?[.!?]["')\]]*(?=\s|$)|.*\S|)""")


def _best_overlap(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
    """Answer with the sentence that shares most words with the question.

    A word counts by its inverse document frequency in the contexts of training.
    """
    contexts = {sample.roles["context"] for sample in train}
    seen = Counter(word for context in contexts for word in _words(context))

    def weight(words: set[str]) -> float:
        return sum(math.log((1 + len(contexts)) / (1 + seen[word])) + 1 for word in words)

    def answer(sample: Sample) -> AnswerScores:
        context, asked = sample.roles["context"], _words(sample.roles["question"])
        sentences = [match.span() for match in _SENTENCE.finditer(context)]
        spans = [
            Span(context[a:b], a, b, weight(asked & _words(context[a:b]))) for a, b in sentences
        ]
        return (
            AnswerScores((max(spans, key=lambda span: span.score),), -math.inf)
            if spans
            else AnswerScores((), 0.0)
        )

    return objects([answer(sample) for sample in test])


def _no_answer(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
    """Say of every question that it has no answer."""
    return objects([AnswerScores((), 0.0)] * len(test))


BEST_OVERLAP = Baseline(
    "best-overlap-sentence",
    "answering with the sentence that shares most words with the question",
    _best_overlap,
)
NO_ANSWER = Baseline("no-answer", "always saying that there is no answer", _no_answer)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
