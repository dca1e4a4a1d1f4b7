"""From samples to batches: an order that depends on the seed and the epoch alone, and encoding that runs ahead in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np

T = TypeVar("T")

AHEAD = 3
"""Batches encoded ahead of the one in use, and one more for each thread after the first."""
LEAST_GROUPS, MOST_BATCHES = 4, 50
"""Texts are sorted by length within so many groups of an epoch (fewer where it is short), of at most so many batches: whole
epochs sorted would leave little chance in the batches."""


def plan(lengths: Sequence[int], batch_size: int, seed: Sequence[int] | None) -> list[list[int]]:
    """The rows of each batch of one epoch: shuffled by `seed`, of like length within a batch, sizes as even as can be.

    No batch is dropped and none is a small remainder, on which batch normalisation would fail. Without a seed (evaluation) rows
    are sorted by length, and a batch holds as many as take the room of `batch_size` of the longest.
    """
    count = len(lengths)
    batches = -(-count // batch_size)
    sizes = np.array(lengths)
    if seed is None:
        return _filled(sizes, batch_size)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    groups = max(1, min(batches // 16, LEAST_GROUPS), batches // MOST_BATCHES)
    grouped = [
        part[np.argsort(sizes[part], kind="stable")] for part in np.array_split(order, groups)
    ]
    parts = np.array_split(np.concatenate(grouped), batches)
    return [parts[i].tolist() for i in rng.permutation(batches)]


def _filled(sizes: np.ndarray, batch_size: int) -> list[list[int]]:
    """Batches from the longest down, each with room for `batch_size` of the longest of all; the shortest come first."""
    order = np.argsort(sizes, kind="stable")
    room = batch_size * int(sizes.max(initial=1))
    batches, end = [], len(order)
    while end:
        first = max(0, end - room // max(1, int(sizes[order[end - 1]])))
        batches.append(order[first:end].tolist())
        end = first
    return batches[::-1]


def stream(
    batches: Sequence[list[int]], make: Callable[[list[int]], T], threads: int = 1
) -> Iterator[T]:
    """Yield `make(rows)` of each batch in order, while `threads` make a few of them ahead.

    What is yielded does not depend on the number of threads.
    """
    waiting: deque[Future[T]] = deque()
    rows = iter(batches)
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="encode") as pool:
        try:
            waiting.extend(pool.submit(make, r) for r in islice(rows, AHEAD + threads - 1))
            while waiting:
                ready = waiting.popleft().result()
                waiting.extend(pool.submit(make, r) for r in islice(rows, 1))
                yield ready
        finally:
            for future in waiting:
                future.cancel()
