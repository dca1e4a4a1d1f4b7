"""Answers as parts of a text: from tokens to characters, ranking, and "no answer"."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LONGEST = 30
"""Tokens of the longest answer that is looked for."""
KEPT = 20
"""The number of the best answers that are kept per piece and sample."""


@dataclass(frozen=True)
class Span:
    """A possible answer: its place in the context, and the logits of its ends, summed."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class AnswerScores:
    """The best answers to a question, best first, and the score of there being none."""

    spans: tuple[Span, ...]
    none: float


def tokens_of(offsets: np.ndarray, start: int, end: int) -> tuple[int, int] | None:
    """The first and last token of the characters from `start` to `end`, None without any.

    `offsets` (T, 2) are the characters of each token, (0, 0) of what is not in the text.
    """
    touched = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > start))
    return (int(touched[0]), int(touched[-1])) if len(touched) else None


def best_spans(
    logits: np.ndarray, offsets: np.ndarray, longest: int = LONGEST, count: int = KEPT
) -> np.ndarray:
    """The up to `count` best answers (n, 3) of at most `longest` tokens, best first.

    Each is its start and end in characters, and its score.
    `logits` (T, 2) are those of the first and last token, `offsets` (T, 2) as `tokens_of` has them.
    """
    places = np.flatnonzero(offsets[:, 1] > 0)
    first, last = logits[places].astype(float).T
    pairs = -np.inf * np.ones((min(longest, len(places)), len(places)))
    for further in range(len(pairs)):
        pairs[further, : len(places) - further] = first[: len(places) - further] + last[further:]
    order = np.argsort(-pairs, axis=None, kind="stable")[:count]
    further, begin = np.unravel_index(order, pairs.shape)
    real = pairs[further, begin] > -np.inf
    begin, further = begin[real], further[real]
    starts, ends = offsets[places[begin], 0], offsets[places[begin + further], 1]
    return np.stack([starts, ends, pairs[further, begin]], axis=1)


def best_threshold(lead: np.ndarray, gains: np.ndarray) -> float:
    """The number t for which the sum of `gains` (N,) is highest where `lead` (N,) is at most t.

    Halfway between two leads. `lead` is by how much the score of no answer is above the best
    answer's, `gains` what answering adds to the metric.
    """
    order = np.argsort(lead, kind="stable")
    lead, reached = lead[order], np.append(0, np.cumsum(gains[order]))
    finite = lead[np.isfinite(lead)]
    if not len(finite):
        return 0.0
    bounds = np.concatenate([[finite[0] - 2], finite, [finite[-1] + 2]])
    between = (bounds[:-1] + bounds[1:]) / 2
    worth = reached[np.searchsorted(lead, between, side="right")]
    return float(between[worth.argmax()])


def join_pieces(context: str, pieces: Sequence[tuple[np.ndarray, float]]) -> AnswerScores:
    """Join the best answers of all pieces, each place once.

    An answer neither begins nor ends with white space.
    """
    best: dict[tuple[int, int], float] = {}
    for spans, _ in pieces:
        for start, end, score in spans:
            text = context[int(start) : int(end)]
            place = (int(end) - len(text.lstrip()), int(start) + len(text.rstrip()))
            if place[0] < place[1]:
                best[place] = max(score, best.get(place, -math.inf))
    ordered = sorted(best.items(), key=lambda item: -item[1])[:KEPT]
    spans = tuple(
        Span(context[start:end], start, end, float(score)) for (start, end), score in ordered
    )
    return AnswerScores(spans, min(none for _, none in pieces))
