"""Audio regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graft.base.baseline import Baseline
from graft.base.job import Form
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.sounds.wave_files import wave_bytes
from graft.tasks.numbers import baselines
from graft.tasks.numbers.regression import Regression
from graft.tasks.sounds.sounds import Sounds


@dataclass(frozen=True)
class AudioRegression(Sounds, Regression):
    """Predict a number of a sound: a score of pronunciation, an age, a speed.

    Targets are standardized inside by the mean and the standard deviation of the training split;
    predictions and metrics are in the user's unit. The loss is the mean squared error. The network
    reads a sound at its true length, up to 30 seconds; the number is a linear function of the mean
    over its frames.
    Baselines: the mean; ridge regression on statistics of the log-mel spectrum; and, if a
    column of categories is named, the mean of each (`--columns category=NAME`).
    Example: graft fit speech --columns value=score --task audio-regression
    """

    name: ClassVar[str] = "audio-regression"
    roles: ClassVar[frozenset[str]] = frozenset({"audio", "value"})
    heads: ClassVar[dict[Form, str]] = {"sequence": "pooled"}

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (*self.trivial, baselines.ridge_on_mel_statistics(self.targets))

    @classmethod
    def tiny_data(cls) -> Data:
        """The number is the pitch of a tone in noise."""
        rng = np.random.default_rng(0)

        def sample(split: str, number: int) -> Sample:
            value = rng.uniform()
            times = np.arange(int(rng.integers(1200, 4800))) / 8000  # 0.15 to 0.6 seconds
            tone = 0.3 * np.sin(2 * np.pi * (200 + 2000 * value) * times)
            sound = wave_bytes(tone + rng.uniform(-0.05, 0.05, len(times)), 8000)
            return Sample(f"{split}:{number}", {"audio": sound, "value": 100 + 40 * float(value)})

        sizes = {"train": 24, "val": 9, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(size)] for split, size in sizes.items()},
            "tiny sounds with numbers",
        )
