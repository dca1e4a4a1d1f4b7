"""A toy task whose network writes, one that translation and summarization use too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graft.base.records import Sample
from graft.data.data import Data
from graft.metrics.chrf import chrf
from graft.tasks.seq2seq import Seq2seq, Written
from graft.tasks.task import Baseline, Metric, objects


@dataclass(frozen=True)
class ToyCapitals(Seq2seq):
    """Write a text in capitals."""

    name: ClassVar[str] = "toy-capitals"
    instruction: ClassVar[str] = "In capitals:"
    share: ClassVar[float] = 1 / 2

    @property
    def of_texts(self) -> tuple[Metric, ...]:
        return (chrf,)

    @property
    def baselines(self) -> dict[str, Baseline]:
        return {"copy-source": _copied}

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)

        def sample(split: str, number: int) -> Sample:
            source = " ".join(rng.choice(["ant", "bee", "crow"], 4))
            return Sample(f"{split}:{number}", {"source": source, "target": source.upper()})

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data({split: [sample(split, i) for i in range(n)] for split, n in sizes.items()}, "toy capitals")


def _copied(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
    return objects([Written(sample.roles["source"]) for sample in test])
