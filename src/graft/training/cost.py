"""The cost of a training: wall time without evaluation, memory, parameters."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from graft.base import env


class Clock:
    """Adds up the time spent inside `running()`."""

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        self._since = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - self._since
            self._since = None

    def settle(self) -> None:
        """Add the time that the device still needs for the work it was given.

        Called before something else waits for the device, rather than at each step, which would
        keep it from working ahead.
        """
        with self.running():
            env.synchronize()

    @property
    def now(self) -> float:
        """Seconds so far, inside `running()` too."""
        return self.seconds + (
            time.perf_counter() - self._since if self._since is not None else 0.0
        )


class PeakMemory:
    """The most memory (MB) held while the block ran, or `before` it: of CUDA, else resident."""

    def __init__(self, before: float = 0.0):
        self.megabytes = before
        self._stop = threading.Event()
        self._process = psutil.Process()

    def __enter__(self) -> PeakMemory:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        self._measure()

    def _watch(self) -> None:
        self._measure()
        while not self._stop.wait(0.2):
            self._measure()

    def _measure(self) -> None:
        cuda = torch.cuda.is_available()
        held = torch.cuda.max_memory_allocated() if cuda else self._process.memory_info().rss
        self.megabytes = max(self.megabytes, held / 2**20)
