"""A toy task: one file is all it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.images.open import open_image, thumbnail
from graft.tasks.classes.classification import Classification


@dataclass(frozen=True)
class ToyBrightness(Classification):
    """Say whether a picture is dark or bright."""

    name: ClassVar[str] = "toy-brightness"
    reads: ClassVar[str] = "image"
    roles: ClassVar[frozenset[str]] = frozenset({"image", "label"})

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        tensors = preprocess(open_image(sample.roles["image"], sample.id), rng)
        return (
            tensors
            if sample.roles.get("label") is None
            else {**tensors, "target": self.target(sample)}
        )

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("image", thumbnail(sample.roles["image"], sample.id))

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (self.majority,)

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(1)

        def sample(split: str, label: str, number: int) -> Sample:
            level = {"dark": 50, "bright": 200}[label]
            pixels = (level + rng.integers(-40, 40, (24, 24, 3))).astype(np.uint8)
            return Sample(f"{split}/{label}/{number}", {"image": pixels, "label": label})

        sizes = {"train": 12, "val": 4, "test": 4}
        return Data(
            {
                s: [sample(s, c, i) for c in ("dark", "bright") for i in range(n)]
                for s, n in sizes.items()
            },
            "toy pictures",
        )
