"""Audio classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.job import Form
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.sounds.mel_statistics import mel_statistics
from graft.data.sounds.wave_files import wave_bytes
from graft.tasks.classes.classification import Classification
from graft.tasks.sounds.sounds import Sounds


@dataclass(frozen=True)
class AudioClassification(Sounds, Classification):
    """Say which class, or classes, a sound is of.

    Spoken words, emotions, speakers, sounds of the environment. The network reads a sound at its
    true length, up to 30 seconds, and the mean over its frames is classified.
    Baselines: the most frequent class; logistic regression on statistics of the log-mel spectrum.
    Example: graft fit recordings --task audio-classification
    """

    name: ClassVar[str] = "audio-classification"
    roles: ClassVar[frozenset[str]] = frozenset({"audio", "label"})
    heads: ClassVar[dict[Form, str]] = {"sequence": "pooled"}

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        tensors = self.read(sample, preprocess, rng)
        return (
            tensors
            if sample.roles.get("label") is None
            else {**tensors, "target": self.target(sample)}
        )

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "logistic regression on the log-mel spectrum"
        spectrum = self.logistic("log-mel-logistic", words, StandardScaler(), read=mel_statistics)
        return self.majority, spectrum

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        pitches = {"low": 150, "middle": 900, "high": 2500}

        def sample(split: str, name: str, number: int) -> Sample:
            times = np.arange(int(rng.integers(1200, 4800))) / 8000  # 0.15 to 0.6 seconds
            tone = 0.3 * np.sin(2 * np.pi * pitches[name] * times)
            sound = wave_bytes(tone + rng.uniform(-0.05, 0.05, len(times)), 8000)
            return Sample(f"{split}:{name}:{number}", {"audio": sound, "label": name})

        sizes = {"train": 8, "val": 3, "test": 4}
        return Data(
            {
                split: [sample(split, c, i) for c in pitches for i in range(n)]
                for split, n in sizes.items()
            },
            "tiny sounds",
        )
