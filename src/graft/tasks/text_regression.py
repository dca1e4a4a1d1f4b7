"""Text regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.numbers import baselines
from graft.tasks.numbers.regression import Regression
from graft.tasks.text.texts_and_pairs import TextsAndPairs, joined_text, text_or_pair


@dataclass(frozen=True)
class TextRegression(TextsAndPairs, Regression):
    """Predict a number of a text or a pair of texts.

    A rating, a price; how alike two sentences are. Targets are standardized inside by the mean and
    the standard deviation of the training split; predictions and metrics are in the user's unit.
    The loss is the mean squared error. The prediction of a text in parts is the mean of theirs.
    Baselines: the mean; ridge regression on TF-IDF of words and pairs of words; of pairs of texts
    also on the cosine of their TF-IDF; and the mean of each category if a column of categories is
    named (`--columns category=NAME`).
    Example: graft fit products.csv --columns value=price --task text-regression:unit=EUR
    """

    name: ClassVar[str] = "text-regression"
    roles: ClassVar[frozenset[str]] = frozenset({"text", "value"})
    options: ClassVar[tuple[str, ...]] = ("robust", "unit", "long")

    def read(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        return preprocess(text_or_pair(sample), rng)

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = baselines.ridge_on_words(self.targets, joined_text)
        overlap = baselines.ridge_on_overlap(self.targets, text_or_pair)
        return (*self.trivial, words, overlap) if self.pairs else (*self.trivial, words)

    @classmethod
    def tiny_data(cls) -> Data:
        """The number is how many of the words praise, less how many do not."""
        rng = np.random.default_rng(0)
        words = {1: ["good", "fine", "great"], -1: ["bad", "poor", "sad"]}

        def sample(split: str, number: int) -> Sample:
            praise = rng.uniform()
            signs = rng.choice([1, -1], size=8, p=[praise, 1 - praise])
            text = " ".join(rng.choice(words[int(sign)]) for sign in signs)
            return Sample(f"{split}:{number}", {"text": text, "value": 50 + 2.5 * int(signs.sum())})

        sizes = {"train": 40, "val": 9, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(size)] for split, size in sizes.items()},
            "tiny texts with numbers",
        )
