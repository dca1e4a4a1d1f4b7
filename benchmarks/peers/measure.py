"""What every script here shares: the task it is given, its clock, and the one line of JSON that it prints at the end.

Python's own library alone: it runs in the virtual environment of every peer.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """What is to be trained on what. A line of a split: the path of an image or a text, and the number of its class."""

    goal: str
    """`features`, `partial` or `full`; for our own script also `fit`, `study`, `alone` and `memory`."""
    modality: str
    """`image` or `text`."""
    weights: str
    """The folder of the pretrained network, as timm or transformers keep it."""
    folder: str
    """An empty folder for whatever the peer writes."""
    seed: int
    classes: list[str] = field(default_factory=list)
    train: list[tuple[str, int]] = field(default_factory=list)
    val: list[tuple[str, int]] = field(default_factory=list)
    test: list[tuple[str, int]] = field(default_factory=list)
    epochs: int = 1
    batch_size: int = 32
    every_epoch: bool = True
    """Is `val` evaluated after each epoch?"""
    trainable: list[str] = field(default_factory=list)
    """With the goal `partial`: the parameters that train, by timm's names."""
    pad_to: int | None = None
    """Texts are padded to this many tokens; None: to the longest of their batch."""
    technique: str = ""
    """Our own script: the spec of the technique, the others being told by `goal`."""
    precision: str | None = None
    """Our own script: None is what the machine computes natively."""
    pictures: int = 0
    """Our own script, goal `memory`: how many pictures are made up."""
    techniques: list[str] = field(default_factory=list)
    seeds: int = 0


def given() -> Task:
    """The task in the JSON file that the command line names."""
    return Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


class Clock:
    """Adds up the seconds spent inside `running(name)`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def report(
    seconds: float,
    accuracy: float | None,
    packages: tuple[str, ...],
    *,
    load_seconds: float = 0.0,
    rate: float | None = None,
    notes: str = "",
) -> None:
    """Print what was measured: `seconds` from opened data to the evaluated model, `rate` in trained examples a second."""
    found = {
        "seconds": seconds,
        "accuracy": accuracy,
        "load_seconds": load_seconds,
        "rate": rate,
        "notes": notes,
        "versions": {name: metadata.version(name) for name in packages},
    }
    print(json.dumps(found), flush=True)
