"""Text classification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.classes.classification import Classification
from graft.tasks.text.texts_and_pairs import TextsAndPairs, joined_text, text_or_pair
from graft.tasks.text.word_weights import word_weights


@dataclass(frozen=True)
class TextClassification(TextsAndPairs, Classification):
    """Say which class, or classes, a text or a pair of texts belongs to.

    Sentiment, spam, topic; paraphrase, entailment. The parts of a long text are trained with its
    label, and its probabilities are the mean over them. Of a pair that is too long, the longer text
    is cut at its end.
    Baselines: the most frequent class; logistic regression on TF-IDF of words and pairs of words.
    Example: graft fit reviews.csv --task text-classification:long=windows
    """

    name: ClassVar[str] = "text-classification"
    roles: ClassVar[frozenset[str]] = frozenset({"text", "label"})

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        tensors = preprocess(text_or_pair(sample), rng)
        return (
            tensors
            if sample.roles.get("label") is None
            else {**tensors, "target": self.target(sample)}
        )

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "TF-IDF with logistic regression"
        return self.majority, self.logistic(
            "tfidf-logistic", words, word_weights(), read=joined_text
        )

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        words = {
            "food": "bread cheese soup apple",
            "sport": "ball goal team run",
            "sky": "sun cloud star moon",
        }
        common = ["the", "a", "one", "is", "it", "and", "so"]

        def sample(split: str, name: str, number: int) -> Sample:
            length = int(rng.integers(3, 12))
            topical = rng.choice(words[name].split(), length)
            text = " ".join(
                w for pair in zip(topical, rng.choice(common, length), strict=True) for w in pair
            )
            return Sample(f"{split}:{name}:{number}", {"text": text, "label": name})

        sizes = {"train": 8, "val": 3, "test": 4}
        return Data(
            {
                split: [sample(split, c, i) for c in words for i in range(n)]
                for split, n in sizes.items()
            },
            "tiny texts",
        )
