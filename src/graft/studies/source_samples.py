"""Samples of what a network was pretrained on, which say what it forgets while it is adapted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graft.base import files, plugins
from graft.base.errors import DataError
from graft.base.records import Sample
from graft.data.data import Data, content_of_each
from graft.data.kinds.kind import kind_named
from graft.data.load import read
from graft.tasks.pretexts.source_task import NAMES
from graft.tasks.specs.options import kinds_of
from graft.tasks.task import Task

MOST = {"image": 1_000, "text": 500, "audio": 100}
"""Samples that are measured at most, drawn at random, so that two passes take minutes at most."""
GIVE = {
    "image": "a folder of pictures in class folders, or a table of pictures and labels, whose "
    "classes the network was pretrained on",
    "text": "a .txt file, or a table or folder of texts like those that it was pretrained on",
    "audio": "sounds of clean speech with their transcripts",
}
"""What is measured, by what the network reads."""


@dataclass(frozen=True)
class SourceSamples:
    """The samples at a path: those that are measured, and those that techniques may rehearse."""

    path: str
    measured: list[Sample]
    rehearsed: list[Sample]
    copies: int
    """The samples that are not rehearsed, since they are copies of measured ones."""

    def to_json(self) -> dict[str, str]:
        """Return what the spec of a run says of them."""
        return {"path": self.path, "hash": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        """A hash of what all of them hold."""
        return Data({"test": self.measured, "train": self.rehearsed}).fingerprint()


def read_source_samples(path: str | Path, reads: str) -> SourceSamples:
    """Read samples of what networks that read `image`, `text` or `audio` were pretrained on.

    Of data with a split `test` or `val` that one is measured, and the others are rehearsed; else
    every second sample, drawn at random. Copies of measured samples are not rehearsed. Raises
    DataError if there are no such samples.
    """
    files.check_exists(files.expand_home(path))
    if reads == "text":
        data = read(files.expand_home(path), labels=False)
        splits = {name: _passages(part, data) for name, part in data.splits.items()}
    else:
        task = plugins.load("task", NAMES[reads])
        data = read(files.expand_home(path), kinds=kinds_of(task))
        splits = {name: _labeled(part, task) for name, part in data.splits.items()}
    held_out = splits.get("test") or splits.get("val")
    others = [s for part in splits.values() if part is not held_out for s in part]
    if not held_out or not others:
        others, held_out = _halve(held_out or others)
    if not held_out:
        raise DataError(
            f"{path} holds nothing on which forgetting can be measured. Give {GIVE[reads]}."
        )
    measured = _draw(held_out, MOST[reads])
    rehearsed = _leave_out_copies(others, measured)
    return SourceSamples(str(path), measured, rehearsed, len(others) - len(rehearsed))


def _labeled(samples: Sequence[Sample], task: type[Task]) -> list[Sample]:
    """The samples that have what the task learns from."""
    complete = (sample for sample in samples if task.fits(sample.roles))
    return [sample for sample in complete if sample.roles[task.target_role] is not None]


def _passages(samples: Sequence[Sample], data: Data) -> list[Sample]:
    """The texts of samples as passages, without empty ones."""
    kind = kind_named(data.kind)
    texts = [(sample.id, kind.passage(sample)) for sample in samples]
    return [Sample(name, {"passage": text}) for name, text in texts if text.strip()]


def _halve(samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Two halves of the samples, drawn at random, always in the same way."""
    order = np.random.default_rng(0).permutation(len(samples)).tolist()
    middle = len(samples) // 2
    return [samples[i] for i in order[:middle]], [samples[i] for i in order[middle:]]


def _leave_out_copies(samples: Sequence[Sample], measured: Sequence[Sample]) -> list[Sample]:
    """The samples that hold something else than each of the measured ones."""
    roles = ("image", "passage", "audio")
    known = set(content_of_each(measured, roles))
    contents = content_of_each(samples, roles)
    return [s for s, content in zip(samples, contents, strict=True) if content not in known]


def _draw(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many of the samples, drawn at random, always the same ones."""
    if len(samples) <= most:
        return list(samples)
    return [samples[i] for i in np.random.default_rng(1).choice(len(samples), most, replace=False)]
