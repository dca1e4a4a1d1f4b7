"""Make batches of samples, in an order given by seed and epoch, encoded ahead in threads."""

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
"""Texts are sorted by length within this many groups of an epoch, of at most this many batches.

Short epochs have fewer groups; whole epochs sorted would leave little chance in the batches."""

DRAWN = 17
"""In the seed of what is drawn, so that it does not go with the order of an epoch."""


def plan(lengths: Sequence[int], batch_size: int, seed: Sequence[int] | None) -> list[list[int]]:
    """Return the rows of each batch of an epoch: shuffled by `seed`, of similar length in a batch.

    No batch is dropped, and sizes are as even as can be: batch normalization would fail on a small
    remainder. Without a seed (evaluation) rows are sorted by length, and a batch holds as many as
    take the room of `batch_size` of the longest.
    """
    count = len(lengths)
    batches = -(-count // batch_size)
    sizes = np.array(lengths)
    if seed is None:
        return _fill_batches(sizes, batch_size)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    groups = max(1, min(batches // 16, LEAST_GROUPS), batches // MOST_BATCHES)
    grouped = [
        part[np.argsort(sizes[part], kind="stable")] for part in np.array_split(order, groups)
    ]
    parts = np.array_split(np.concatenate(grouped), batches)
    return [parts[i].tolist() for i in rng.permutation(batches)]


def draw(shares: Sequence[float], seed: Sequence[int]) -> list[int]:
    """Draw as many rows as there are by their shares of 1; a row comes as often as its share says,
    rounded up or down at random (systematic sampling).
    """
    count = len(shares)
    rng = np.random.default_rng((*seed, DRAWN))
    order = rng.permutation(count)
    ends = np.cumsum(np.array(shares)[order])
    places = (rng.random() + np.arange(count)) / count * ends[-1]
    return order[np.searchsorted(ends, places, side="right").clip(max=count - 1)].tolist()


def _fill_batches(sizes: np.ndarray, batch_size: int) -> list[list[int]]:
    """Fill batches up to `batch_size` times the longest sample; the shortest samples come first."""
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
