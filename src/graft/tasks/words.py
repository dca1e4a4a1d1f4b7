"""Where the words of a text are among the tokens that a network reads, and how a long text is cut between words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graft.base.records import Sample

NOWHERE = -1
"""The position of a word that no token stands for: one past the window, or nothing but characters that are dropped."""


@dataclass(frozen=True)
class Text:
    """A text and the (start, end) of each of its words."""

    text: str
    offsets: Sequence[tuple[int, int]]


def text_of(sample: Sample) -> Text:
    """The user's own text where there is one, else the words with a blank between them."""
    if "text" in sample.roles:
        return Text(sample.roles["text"], sample.roles["offsets"])
    offsets, start = [], 0
    for word in sample.roles["tokens"]:
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return Text(" ".join(sample.roles["tokens"]), offsets)


def positions(text: Text, tokens: Sequence[tuple[int, int]]) -> np.ndarray:
    """The first token of each word (W,), NOWHERE where there is none; `tokens` are their (start, end), (0, 0) of marks."""
    places = np.array([i for i, (start, end) in enumerate(tokens) if end > start], dtype=int)
    if not len(places):
        return np.full(len(text.offsets), NOWHERE)
    starts, ends = np.array([tokens[i] for i in places]).T
    words = np.array(text.offsets).reshape(-1, 2)
    found = np.searchsorted(ends, words[:, 0], side="right")
    inside = found < len(places)
    inside[inside] = starts[found[inside]] < words[inside, 1]
    return np.where(inside, places[np.minimum(found, len(places) - 1)], NOWHERE)


def spans_of_windows(first_tokens: np.ndarray, count: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """(first, last + 1) of the words of each window of at most `room` tokens; neighbours share about `overlap` tokens.

    `first_tokens` (W,) counts the tokens before each word, `count` is how many there are in all. A word of more tokens than
    there is room for is a window by itself.
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
    """The words from `start` to `end` as a sample of its own; of `roles` it has the same words' values."""
    text = text_of(sample)
    before = text.offsets[start][0]
    values: dict[str, Any] = {role: sample.roles[role][start:end] for role in roles if sample.roles.get(role) is not None}
    values["text"] = text.text[before : text.offsets[end - 1][1]]
    values["offsets"] = tuple((s - before, e - before) for s, e in text.offsets[start:end])
    return Sample(sample.id, {**values, "window": (start, end)})
