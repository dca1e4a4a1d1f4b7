"""How the runs of a study are carried out: `function(item)` for each item, a fresh process each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from graft.base import env

TRIES = 2
"""How often an item is tried whose process died: it may have been another's memory that killed it."""


def each_in_a_process(
    function: Callable[[Any], Any], items: Sequence[Any], jobs: int
) -> Iterator[tuple[int, Any, BaseException | None]]:
    """(index, result, error) of every item as they end, `jobs` processes at a time with an equal share of the cores.

    A fresh process for each item keeps its memory and process-wide state its own. A process that dies costs its item,
    after TRIES, and no other.
    """
    left = dict.fromkeys(range(len(items)), 0)
    while left:
        with _pool(min(jobs, len(left))) as pool:
            running: dict[Future, int] = {}
            queue = iter(list(left))
            broken = False
            _fill(pool, function, items, running, queue, jobs)
            while running and not broken:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    index = running.pop(future)
                    error = future.exception()
                    if isinstance(error, BrokenProcessPool):
                        broken = True
                        left[index] += 1
                        error = RuntimeError("Its process died: killed, or out of memory.") if left[index] == TRIES else None
                        if error is None:
                            continue
                    del left[index]
                    yield index, None if error else future.result(), error
                if not broken:
                    _fill(pool, function, items, running, queue, jobs)


def _fill(
    pool: ProcessPoolExecutor, function: Callable, items: Sequence[Any], running: dict, queue: Iterator[int], jobs: int
) -> None:
    """Submit no more than run at once, so that a dying process takes only those along."""
    while len(running) < jobs and (index := next(queue, None)) is not None:
        running[pool.submit(function, items[index])] = index


def _pool(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn")
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["graft.studies.run"])  # imports are paid once, not once a run
    threads = max(1, env.cores() // jobs)
    return ProcessPoolExecutor(
        jobs, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,), max_tasks_per_child=1
    )
