"""Image classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.data import Data
from graft.data.images.open import open_image, thumbnail
from graft.data.images.small_pixels import small_pixels
from graft.tasks.classes.classification import Classification


@dataclass(frozen=True)
class ImageClassification(Classification):
    """Say which class, or classes, an image shows.

    Baselines: the most frequent class; logistic regression on the standardized pixels of the image
    at 16 x 16.
    Example: graft fit photos --task image-classification
    """

    name: ClassVar[str] = "image-classification"
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
        picture = thumbnail(sample.roles["image"], sample.id)
        return Shown("image", picture, self.caption(prediction, target))

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "logistic regression on pixels"
        pixels = self.logistic("pixels-logistic", words, StandardScaler(), read=small_pixels)
        return self.majority, pixels

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        colors = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}

        def sample(split: str, name: str, number: int) -> Sample:
            noise = rng.integers(-40, 40, (24, 24, 3))
            return Sample(
                f"{split}/{name}/{number}",
                {"image": (np.array(colors[name]) + noise).astype(np.uint8), "label": name},
            )

        sizes = {"train": 8, "val": 3, "test": 4}
        return Data(
            {
                split: [sample(split, c, i) for c in colors for i in range(n)]
                for split, n in sizes.items()
            },
            "tiny images",
        )
