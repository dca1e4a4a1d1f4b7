"""The fewest edits between two sequences, and which they are (Levenshtein, 1966)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Edit(NamedTuple):
    """One step from a sequence to another: an item of each, None where one has no item."""

    removed: Any
    added: Any


def count_edits(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Count the insertions, deletions and substitutions that turn one sequence into the other."""
    # One row at a time: the characters of an hour of speech have a table of gigabytes.
    return int(deque(_cost_rows(one, other), maxlen=1).pop()[-1])


def count_parts(
    scores: NDArray, targets: NDArray, split: Callable[[str], Sequence[str]]
) -> NDArray[np.float64]:
    """Count (N, 2) the edits of each transcript and the items that the true one is split into."""
    rows = []
    for heard, true in zip(scores, targets, strict=True):
        items = split(true)
        rows.append((count_edits(items, split(heard)), len(items)))
    return np.array(rows, float).reshape(-1, 2)


def align(one: Sequence[Any], other: Sequence[Any]) -> list[Edit]:
    """List the pairs of items of a shortest way from one sequence to the other, equal ones too."""
    costs, steps = np.stack(list(_cost_rows(one, other))), []
    row, column = len(one), len(other)
    while row or column:
        cost = costs[row, column]
        is_pair = row and column
        if is_pair and cost == costs[row - 1, column - 1] + (one[row - 1] != other[column - 1]):
            row, column = row - 1, column - 1
            steps.append(Edit(one[row], other[column]))
        elif row and cost == costs[row - 1, column] + 1:
            row -= 1
            steps.append(Edit(one[row], None))
        else:
            column -= 1
            steps.append(Edit(None, other[column]))
    return steps[::-1]


def _cost_rows(one: Sequence[Any], other: Sequence[Any]) -> Iterator[NDArray[np.int32]]:
    """Yield, for n from 0 to N, the edits (M + 1) between n items of one and m of the other."""
    numbers: dict[Any, int] = {}
    ours, theirs = (
        np.array([numbers.setdefault(item, len(numbers)) for item in items], dtype=np.int32)
        for items in (one, other)
    )
    places = np.arange(len(theirs) + 1, dtype=np.int32)
    costs = places
    yield costs
    for item in ours:
        best = costs + 1
        best[1:] = np.minimum(best[1:], costs[:-1] + (theirs != item))
        # An insertion costs one a place, so the best one is a running minimum.
        costs = np.minimum.accumulate(best - places) + places
        yield costs
