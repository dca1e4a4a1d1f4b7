"""Run the runs of a study: `function(item)` for each item, each in a fresh process."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import types
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from graft.base import env

_METHODS = multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _METHODS else "spawn")
_STARTING = threading.Lock()
"""Held while a process starts: the main module is hidden then."""
Ended = Iterator[tuple[int, Any, BaseException | None]]


def share_of_cores(jobs: int) -> int:
    """The number of threads with which each of `jobs` processes computes.

    Never more than the variable OMP_NUM_THREADS asks for, as torch understands it too.
    """
    share = max(1, env.cores() // jobs)
    asked = os.environ.get("OMP_NUM_THREADS", "").strip()
    return min(share, int(asked)) if asked.isdecimal() and int(asked) else share


def each_in_a_process(
    function: Callable[[Any], Any], items: Sequence[Any], jobs: int, threads: int | None = None
) -> Ended:
    """(index, result, error) of every item as they end, `jobs` processes at a time.

    Each computes with `threads` threads, by default with an equal share of the cores.
    A fresh process for each item keeps its memory and process-wide state its own. When a process
    dies, what was running is tried again, one at a time, so that only the item whose process dies
    alone is lost.
    """
    threads = threads or share_of_cores(min(jobs, max(len(items), 1)))
    waiting = deque(range(len(items)))
    while waiting:
        for index in (yield from _together(function, items, waiting, jobs, threads)):
            yield from _alone(function, items, index, threads)


def _together(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    waiting: deque[int],
    jobs: int,
    threads: int,
) -> Generator[tuple[int, Any, BaseException | None], None, list[int]]:
    """Run what waits until all is done or a process dies; return the items that ran then."""
    running: dict[Future, int] = {}
    places = deque(range(jobs))  # each job has one, by which it is given a device
    taken: dict[Future, int] = {}
    with _pool(min(jobs, len(waiting)), threads) as pool:
        while waiting or running:
            # Submit no more than run at once: if a process dies, only these have to run again.
            while waiting and len(running) < jobs:
                index, place = waiting.popleft(), places.popleft()
                future = pool.submit(_run_on, env.visible_device(place), function, items[index])
                running[future], taken[future] = index, place
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                return sorted(running.values())
            for future in done:
                error = future.exception()
                places.append(taken.pop(future))
                yield running.pop(future), None if error else future.result(), error
    return []


def _alone(function: Callable[[Any], Any], items: Sequence[Any], index: int, threads: int) -> Ended:
    with _pool(1, threads) as pool:
        future = pool.submit(_run_on, env.visible_device(0), function, items[index])
        error = future.exception()
    if isinstance(error, BrokenProcessPool):
        error = RuntimeError("Its process died: killed, or out of memory.")
    yield index, None if error else future.result(), error


def _libraries() -> list[str]:
    """The modules of networks that this process has loaded, since a run will need them too."""
    # Keras through Graft's module, which sees to it that it runs on torch.
    roots = ("timm", "torchvision", "transformers", "graft.backbones.keras.library")
    return [
        name
        for name in sys.modules
        if name in roots or (name.startswith(roots) and ".modeling_" in name)
    ]


class _Process(_CONTEXT.Process):
    """A process that does not import the user's script, which may begin the study again."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _STARTING:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = types.ModuleType("__main__")
            try:
                return _CONTEXT.Process._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class _Context(type(_CONTEXT)):
    Process = _Process


def _pool(jobs: int, threads: int) -> ProcessPoolExecutor:
    context = _Context()
    if context.get_start_method() == "forkserver":
        # Import once instead of once per run.
        context.set_forkserver_preload(["graft.studies.run", *_libraries()])
    return ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_begin, initargs=(threads,), max_tasks_per_child=1
    )


def _run_on(device: str | None, function: Callable[[Any], Any], item: Any) -> Any:
    """Call `function` in this fresh process, which sees only the given one of several devices."""
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device  # read when CUDA starts, which is later
    return function(item)


def _begin(threads: int) -> None:
    """Use `threads` threads, and end when the parent process ends."""
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
