"""Image regression."""

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
from graft.tasks.numbers import baselines
from graft.tasks.numbers.regression import Regression


@dataclass(frozen=True)
class ImageRegression(Regression):
    """Predict a number of an image: a weight, an age, a price, a count.

    Targets are standardized inside by the mean and the standard deviation of the training split;
    predictions and metrics are in the user's unit. The loss is the mean squared error.
    Baselines: the mean; ridge regression on the standardized pixels of the image at 16 x 16; and
    the mean of each category if a column of categories is named (`--columns category=NAME`).
    Example: graft fit meals --columns value=grams --task image-regression:unit=g
    """

    name: ClassVar[str] = "image-regression"
    reads: ClassVar[str] = "image"
    roles: ClassVar[frozenset[str]] = frozenset({"image", "value"})

    def read(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        return preprocess(open_image(sample.roles["image"], sample.id), rng)

    def show(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        picture = thumbnail(sample.roles["image"], sample.id)
        return Shown("image", picture, self.caption(prediction, target))

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (*self.trivial, baselines.ridge_on_pixels(self.targets))

    @classmethod
    def tiny_data(cls) -> Data:
        """The number is how red the image is."""
        rng = np.random.default_rng(0)

        def sample(split: str, number: int) -> Sample:
            value = rng.uniform()
            color = np.array([60 + 140 * value, 100, 200 - 140 * value])
            pixels = color + rng.integers(-40, 40, (24, 24, 3))
            return Sample(
                f"{split}/{number}",
                {"image": pixels.astype(np.uint8), "value": 100 + 40 * float(value)},
            )

        sizes = {"train": 24, "val": 9, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(size)] for split, size in sizes.items()},
            "tiny images with numbers",
        )
