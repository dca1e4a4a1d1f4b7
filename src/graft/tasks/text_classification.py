"""Text classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from graft.backbones.preprocess import Preprocess
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.classification import Classification
from graft.tasks.task import Baseline


@dataclass(frozen=True)
class TextClassification(Classification):
    """Say which class, or classes, a text belongs to: sentiment, spam, topic, intent.

    Baselines: the most frequent class; logistic regression on TF-IDF of words and pairs of words.
    """

    name: ClassVar[str] = "text-classification"
    modality: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"text", "label"})

    def cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        return sum(preprocess.cuts(sample.roles["text"]) for sample in samples)

    def encode(self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None) -> dict[str, Tensor]:
        tensors = preprocess(sample.roles["text"], rng)
        return tensors if sample.roles.get("label") is None else {**tensors, "target": self.target(sample)}

    def preview(self, sample: Sample) -> dict[str, str]:
        return {"kind": "text", "value": sample.roles["text"][:600]}

    @property
    def baselines(self) -> dict[str, Baseline]:
        words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode", token_pattern=r"(?u)\b\w+\b|[^\w\s]"
        )
        return {"majority": self.majority, "tfidf-logistic": self.logistic(words, read=lambda sample: sample.roles["text"])}

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        words = {"food": "bread cheese soup apple", "sport": "ball goal team run", "sky": "sun cloud star moon"}
        common = ["the", "a", "one", "is", "it", "and", "so"]

        def sample(split: str, name: str, number: int) -> Sample:
            length = int(rng.integers(3, 12))
            own = rng.choice(words[name].split(), length)
            text = " ".join(w for pair in zip(own, rng.choice(common, length), strict=True) for w in pair)
            return Sample(f"{split}:{name}:{number}", {"text": text, "label": name})

        sizes = {"train": 8, "val": 3, "test": 4}
        return Data({split: [sample(split, c, i) for c in words for i in range(n)] for split, n in sizes.items()}, "tiny texts")
