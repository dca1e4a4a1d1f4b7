"""What a training costs: wall time of training apart from evaluation, memory, parameters."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch


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

    @property
    def now(self) -> float:
        """Seconds so far, inside `running()` too."""
        return self.seconds + (time.perf_counter() - self._since if self._since is not None else 0.0)


class PeakMemory:
    """The most memory (MB) this process held while the block ran: of the accelerator if there is one, else resident."""

    def __init__(self, before: float = 0.0):
        self.megabytes = before
        self._stop = threading.Event()

    def __enter__(self) -> PeakMemory:
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()
        if torch.cuda.is_available():
            self.megabytes = torch.cuda.max_memory_allocated() / 2**20

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.megabytes = max(self.megabytes, process.memory_info().rss / 2**20)
            if self._stop.wait(0.2):
                return
