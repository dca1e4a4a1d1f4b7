"""A toy task whose network writes, one that translation and summarization use too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.translation import Translation


@dataclass(frozen=True)
class ToyCapitals(Translation):
    """Write a text in capitals."""

    name: ClassVar[str] = "toy-capitals"
    instruction: ClassVar[str] = "In capitals:"

    @classmethod
    def tiny_data(cls) -> Data:
        words = np.random.default_rng(0).choice(["ant", "bee", "crow"], (44, 4))
        samples = [
            Sample(str(i), {"source": " ".join(row), "target": " ".join(row).upper()})
            for i, row in enumerate(words)
        ]
        return Data(
            {"train": samples[:24], "val": samples[24:32], "test": samples[32:]}, "toy capitals"
        )
