"""A toy task on a toy kind of data: one file is all it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.classes.classification import Classification


@dataclass(frozen=True)
class ToyMarking(Classification):
    """Say the mark of a line."""

    name: ClassVar[str] = "toy-marking"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"line", "mark"})
    target_role: ClassVar[str] = "mark"

    def length(self, piece, preprocess):
        return len(piece.roles["line"])

    def encode(self, sample, preprocess, rng):
        tensors = preprocess(sample.roles["line"], rng)
        return (
            tensors
            if sample.roles.get("mark") is None
            else {**tensors, "target": self.target(sample)}
        )

    def show(self, sample, prediction=None, target=None):
        return Shown("text", sample.roles["line"])

    @property
    def baselines(self):
        return (self.majority,)

    @classmethod
    def tiny_data(cls):
        def marked(split, i):
            mark = ("loud", "quiet")[i % 2]
            return Sample(f"{split}{i}", {"line": f"{mark} words {i} of {split}", "mark": mark})

        sizes = {"train": 24, "val": 8, "test": 8}
        return Data(
            {split: [marked(split, i) for i in range(n)] for split, n in sizes.items()},
            "toy marks",
            kind="toy-marks",
        )
