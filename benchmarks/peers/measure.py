"""What all scripts of peers share: the task, the clock, and the line of JSON printed at the end.

It uses only the standard library, since it runs in the virtual environment of every peer.
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
from typing import Any


@dataclass(frozen=True)
class Task:
    """What to train on which data.

    A row of a split is (path of an image or text, target). The target is a class number; or the
    path of a mask; or the boxes of a picture, each [class number, left, top, right, bottom].
    """

    goal: str
    """`features`, `partial` or `full`; for ours.py also `fit`, `study`, `alone` and `memory`."""
    modality: str
    """`image` or `text`."""
    weights: str
    """The folder of the pretrained network, in the format of timm or transformers; or the file of a
    network of Keras."""
    folder: str
    """An empty folder for whatever the peer writes."""
    seed: int
    classes: list[str] = field(default_factory=list)
    train: list[tuple[str, Any]] = field(default_factory=list)
    val: list[tuple[str, Any]] = field(default_factory=list)
    test: list[tuple[str, Any]] = field(default_factory=list)
    colors: list[tuple[int, int, int]] = field(default_factory=list)
    """The color of each class in masks."""
    size: tuple[int, int] | None = None
    """Width and height of the input; None is 224 x 224."""
    epochs: int = 1
    batch_size: int = 32
    every_epoch: bool = True
    """Whether `val` is evaluated after each epoch."""
    trainable: list[str] = field(default_factory=list)
    """For the goal `partial`: timm's names of the parameters that train."""
    pad_to: int | None = None
    """Texts are padded to this many tokens; None pads to the longest of the batch."""
    task: str = ""
    """For ours.py: the spec of Graft's task; the other scripts are for one task."""
    metric: str = "accuracy"
    """For ours.py: the metric of the test split; the other scripts know that of their task."""
    technique: str = ""
    """For ours.py: the spec of the technique; the other scripts read `goal`."""
    precision: str | None = None
    """For ours.py: the precision; None is the native one of the machine."""
    backbone: str = ""
    """For ours.py: the spec of the network; empty is the built-in one."""
    pictures: int = 0
    """For ours.py and the goal `memory`: how many pictures are generated."""
    techniques: list[str] = field(default_factory=list)
    seeds: int = 0


def given() -> Task:
    """Read the task from the JSON file that the command line names."""
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
    quality: float | None,
    packages: tuple[str, ...],
    *,
    load_seconds: float = 0.0,
    rate: float | None = None,
    notes: str = "",
) -> None:
    """Print the measurements as one line of JSON.

    `seconds` are from opened data to the evaluated model, `quality` is the accuracy or another
    metric of the test split, `rate` is trained examples a second.
    """
    found = {
        "seconds": seconds,
        "quality": quality,
        "load_seconds": load_seconds,
        "rate": rate,
        "notes": notes,
        "versions": {name: metadata.version(name) for name in packages},
    }
    print(json.dumps(found), flush=True)
