"""Text classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from graft.backbones.preprocess import Preprocess
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.classification import Classification
from graft.tasks.task import Baseline, Windows
from graft.tasks.words import SPARE, head_and_tail, parts_of_text


@dataclass(frozen=True)
class TextClassification(Classification):
    """Say which class, or classes, a text belongs to: sentiment, spam, topic, intent.

    Of a text of more tokens than the network reads, `long` says what is read: its `head`; `head+tail`, a quarter of the tokens
    from its beginning and three from its end (Sun et al., arXiv:1905.05583, section 5.3.1); `windows`, all of it in parts that
    share a quarter of their tokens, each learnt with the text's label, the mean of their probabilities being the text's.
    Baselines: the most frequent class; logistic regression on TF-IDF of words and pairs of words.
    """

    name: ClassVar[str] = "text-classification"
    modality: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"text", "label"})
    options: ClassVar[tuple[str, ...]] = ("long",)

    long: Literal["head", "head+tail", "windows"] = "head"

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Of texts that are too long their parts, or their head and tail as one."""
        if self.long == "head":
            return Windows(samples)
        return Windows.of(samples, lambda sample: self._pieces(sample, preprocess))

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        text, tokenizer = sample.roles["text"], preprocess.tokenizer
        if not preprocess.cuts(text):
            return [sample]
        room = preprocess.max_length - tokenizer.num_special_tokens_to_add() - SPARE
        tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        if self.long == "head+tail":
            parts = [head_and_tail(text, tokens, room)]
        else:
            parts = [text[start:end] for start, end in parts_of_text(text, tokens, room, room // 4)]
        return [Sample(sample.id, {**sample.roles, "text": part}) for part in parts]

    def cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        return 0 if self.long == "windows" else sum(preprocess.cuts(sample.roles["text"]) for sample in samples)

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

    def settings(self) -> dict:
        return {**super().settings(), "long": self.long}

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
