"""Map words of a text to its tokens, and cut a long text between words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.base.records import Sample

NOWHERE = -1
"""The position of a word that no token stands for: one past the window, or nothing but characters
that are dropped."""

SPARE = 4
"""Tokens that a part of a text may take beyond those it takes within the whole."""


@dataclass(frozen=True)
class Text:
    """A text and the (start, end) of each of its words."""

    text: str
    offsets: Sequence[tuple[int, int]]


def text_of(sample: Sample) -> Text:
    """Return the text of the user if there is one, else the words joined by blanks."""
    if "text" in sample.roles:
        return Text(sample.roles["text"], sample.roles["offsets"])
    offsets, start = [], 0
    for word in sample.roles["tokens"]:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return Text(" ".join(sample.roles["tokens"]), offsets)


def positions(text: Text, tokens: Sequence[tuple[int, int]]) -> np.ndarray:
    """The first token of each word (W,), NOWHERE where there is none.

    `tokens` are their (start, end), (0, 0) of marks.
    """
    places = np.array([i for i, (start, end) in enumerate(tokens) if end > start], dtype=int)
    if not len(places):
        return np.full(len(text.offsets), NOWHERE)
    starts, ends = np.array([tokens[i] for i in places]).T
    words = np.array(text.offsets).reshape(-1, 2)
    nearest = np.searchsorted(ends, words[:, 0], side="right")
    inside = nearest < len(places)
    inside[inside] = starts[nearest[inside]] < words[inside, 1]
    return np.where(inside, places[np.minimum(nearest, len(places) - 1)], NOWHERE)


def words_of(text: Text, tokens: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the word of each token (T,), NOWHERE for special tokens and between words.

    `tokens` as of `positions`.
    """
    starts, ends = np.array(tokens, dtype=int).reshape(-1, 2).T
    words = np.array(text.offsets, dtype=int).reshape(-1, 2)
    nearest = np.searchsorted(words[:, 0], ends) - 1
    inside = (ends > starts) & (nearest >= 0)
    inside[inside] = starts[inside] < words[nearest[inside], 1]
    return np.where(inside, nearest, NOWHERE)


def spans_of_windows(
    first_tokens: np.ndarray, count: int, room: int, overlap: int
) -> list[tuple[int, int]]:
    """(first, last + 1) of the words of each window of at most `room` tokens.

    Neighbors share about `overlap` tokens. `first_tokens` (W,) counts the tokens before each word,
    `count` is how many there are in all. A word of more tokens than there is room for is a window
    by itself.
    """
    bounds = np.append(first_tokens, count)
    windows, start = [], 0
    while True:
        end = max(int(np.searchsorted(bounds, bounds[start] + room, side="right")) - 1, start + 1)
        windows.append((start, end))
        if end >= len(first_tokens):
            return windows
        start = max(int(np.searchsorted(bounds, bounds[end] - overlap, side="left")), start + 1)
        start = min(start, end)


def part(sample: Sample, start: int, end: int, roles: Sequence[str]) -> Sample:
    """The words from `start` to `end` as a sample of its own.

    Of `roles` it has the same words' values.
    """
    text = text_of(sample)
    before = text.offsets[start][0]
    values: dict[str, Any] = {
        role: sample.roles[role][start:end] for role in roles if sample.roles.get(role) is not None
    }
    values["text"] = text.text[before : text.offsets[end - 1][1]]
    values["offsets"] = tuple((s - before, e - before) for s, e in text.offsets[start:end])
    return Sample(sample.id, {**values, "window": (start, end)})


def parts_of_text(
    text: str, tokens: Sequence[tuple[int, int]], room: int, overlap: int
) -> list[tuple[int, int]]:
    """(start, end) of the parts of a text, of at most `room` tokens each, cut between words.

    `tokens` are the (start, end) of all tokens; neighbors share about `overlap` of them.
    """
    begins = _beginnings(text, tokens, longest=room // 4)
    cuts = [0, *(tokens[token - 1][1] for token in begins[1:]), len(text)]
    spans = spans_of_windows(np.array(begins), len(tokens), room, overlap)
    return [(cuts[first], cuts[end]) for first, end in spans]


def head_and_tail(text: str, tokens: Sequence[tuple[int, int]], room: int) -> str:
    """The first quarter of `room` tokens, a blank, and the last three quarters, cut between words.

    The shares are those of Sun et al., arXiv:1905.05583, section 5.3.1.
    """
    bounds = np.append(_beginnings(text, tokens, longest=room // 4), len(tokens))
    head = bounds[np.searchsorted(bounds, room // 4, side="right") - 1]
    tail = bounds[np.searchsorted(bounds, len(tokens) - (room - room // 4))]
    return text[: tokens[head - 1][1]].rstrip() + " " + text[tokens[tail][0] :].lstrip()


def _beginnings(text: str, tokens: Sequence[tuple[int, int]], longest: int) -> list[int]:
    """The tokens before which a text may be cut.

    Those that begin a word, and any in words of more tokens than `longest`.
    """
    starts = [start for start, _ in tokens]
    words = [
        i
        for i, start in enumerate(starts)
        if i == 0 or any(map(str.isspace, text[max(start - 1, 0) : start + 1]))
    ]
    beginnings = []
    for token, following in zip(words, [*words[1:], len(tokens)], strict=True):
        beginnings += [token] if following - token <= longest else range(token, following)
    return beginnings
