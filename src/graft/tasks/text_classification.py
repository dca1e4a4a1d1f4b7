"""Text classification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.errors import DataError
from graft.base.evidence import Shown
from graft.base.records import Sample
from graft.data.data import Data
from graft.tasks.classes.baselines import word_weights
from graft.tasks.classes.classification import Classification
from graft.tasks.task import PREVIEW, Baseline, Windows
from graft.tasks.text.words import SPARE, head_and_tail, parts_of_text


@dataclass(frozen=True)
class TextClassification(Classification):
    """Say which class, or classes, a text or a pair of texts belongs to: sentiment, spam, topic.

    Paraphrase, entailment. Of a text of more tokens than the network reads, `long` says what is
    read: its `head`; `head+tail`, a quarter of the tokens from its beginning and three from its end
    (Sun et al., arXiv:1905.05583, section 5.3.1); `windows`, all of it in parts that share a
    quarter of their tokens, each learnt with the text's label, the mean of their probabilities
    being the text's. Of a pair that is too long, the longer text is cut at its end.
    Baselines: the most frequent class; logistic regression on TF-IDF of words and pairs of words.
    """

    name: ClassVar[str] = "text-classification"
    reads: ClassVar[str] = "text"
    roles: ClassVar[frozenset[str]] = frozenset({"text", "label"})
    options: ClassVar[tuple[str, ...]] = ("long",)

    long: Literal["head", "head+tail", "windows"] = "head"
    pairs: bool = False
    """Whether it was learnt from pairs of texts, which are then predicted too."""

    @classmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Self:
        return replace(super().from_data(data, weighted=weighted), pairs="text_pair" in data.roles)

    @property
    def inputs(self) -> list[str]:
        return [*super().inputs, "text_pair"] if self.pairs else super().inputs

    def unlabeled(self, sample: Sample) -> Sample:
        """A pair is one text to a network that was trained on single texts."""
        bare = super().unlabeled(sample)
        if self.pairs and "text_pair" not in bare.roles:
            raise DataError(
                f"{sample.id} has {', '.join(sorted(sample.roles))}, and {self.name} was learnt "
                "from pairs, so reads text_pair "
                "too. Name the columns: --columns text=NAME --columns text_pair=NAME."
            )
        if self.pairs or "text_pair" not in bare.roles:
            return bare
        text = " ".join((bare.roles["text"], bare.roles["text_pair"]))
        return Sample(
            sample.id,
            {role: value for role, value in bare.roles.items() if role != "text_pair"}
            | {"text": text},
        )

    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows:
        """Of texts that are too long their parts, or their head and tail as one."""
        if self.long == "head":
            return Windows(samples)
        return Windows.of(samples, lambda sample: self._pieces(sample, preprocess))

    def _pieces(self, sample: Sample, preprocess: Preprocess) -> list[Sample]:
        text, tokenizer = sample.roles["text"], preprocess.tokenizer
        if self.pairs or not preprocess.cuts(text):
            return [sample]
        room = preprocess.max_length - tokenizer.num_special_tokens_to_add() - SPARE
        tokens = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )["offset_mapping"]
        if self.long == "head+tail":
            parts = [head_and_tail(text, tokens, room)]
        else:
            parts = [text[start:end] for start, end in parts_of_text(text, tokens, room, room // 4)]
        return [Sample(sample.id, {**sample.roles, "text": part}) for part in parts]

    def cut(self, samples: Sequence[Sample], preprocess: Preprocess) -> int:
        read_whole = self.long == "windows" and not self.pairs
        return 0 if read_whole else sum(preprocess.cuts(_value(sample)) for sample in samples)

    def length(self, piece: Sample, preprocess: Preprocess) -> int:
        return preprocess.length(_value(piece))

    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]:
        tensors = preprocess(_value(sample), rng)
        return (
            tensors
            if sample.roles.get("label") is None
            else {**tensors, "target": self.target(sample)}
        )

    def shown(self, sample: Sample, prediction: Any = None, target: Any = None) -> Shown:
        return Shown("text", _text(sample)[:PREVIEW], self.caption(prediction, target))

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        words = "TF-IDF with logistic regression"
        return self.majority, self.logistic("tfidf-logistic", words, word_weights(), read=_text)

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
            own = rng.choice(words[name].split(), length)
            text = " ".join(
                w for pair in zip(own, rng.choice(common, length), strict=True) for w in pair
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


def _value(sample: Sample) -> str | tuple[str, str]:
    """The text, or the pair of texts."""
    text, other = sample.roles["text"], sample.roles.get("text_pair")
    return text if other is None else (text, other)


def _text(sample: Sample) -> str:
    """The text; of a pair, a line each."""
    value = _value(sample)
    return value if isinstance(value, str) else "\n".join(value)
