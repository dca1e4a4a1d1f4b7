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
"""Batches encoded ahead of the one in use."""


def plan(lengths: Sequence[int], batch_size: int, seed: Sequence[int] | None) -> list[list[int]]:
    """The rows of each batch of one epoch: shuffled by `seed`, of like length within a batch, sizes as even as can be.

    Without a seed (evaluation) rows are sorted by length. No batch is dropped and none is a small remainder, on which
    batch normalisation would fail.
    """
    count = len(lengths)
    batches = -(-count // batch_size)
    sizes = np.array(lengths)
    if seed is None:
        return [part.tolist() for part in np.array_split(np.argsort(sizes, kind="stable"), batches)]
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    pool = max(1, batches // 16)  # whole epochs sorted by length would leave little chance in the batches
    grouped = [part[np.argsort(sizes[part], kind="stable")] for part in np.array_split(order, pool)]
    parts = np.array_split(np.concatenate(grouped), batches)
    return [parts[i].tolist() for i in rng.permutation(batches)]


def stream(batches: Sequence[list[int]], make: Callable[[list[int]], T]) -> Iterator[T]:
    """`make(rows)` for each batch in order, a few of them made ahead by a thread while the caller works."""
    waiting: deque[Future[T]] = deque()
    rows = iter(batches)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="encode") as pool:
        try:
            waiting.extend(pool.submit(make, r) for r in islice(rows, AHEAD))
            while waiting:
                ready = waiting.popleft().result()
                waiting.extend(pool.submit(make, r) for r in islice(rows, 1))
                yield ready
        finally:
            for future in waiting:
                future.cancel()
