"""Summarization: the same in fewer words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

import numpy as np

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.data import Data
from graft.metrics.metric import Metric
from graft.metrics.rouge import rouge1, rouge2, rougeL
from graft.tasks.task import objects
from graft.tasks.text.seq2seq import Seq2seq
from graft.tasks.text.written import Written

_SENTENCE = re.compile(r"[^\n]*?[.!?][\"')\]]*(?=\s|$)|[^\n]+")


@dataclass(frozen=True)
class Summarization(Seq2seq):
    """Write what a text says in fewer words: a summary, a headline, the subject of a mail.

    By an encoder-decoder (T5, BART), or by a decoder that reads the source and the line "Summary:"
    and learns to go on; `prompt` is read in place of these, `{}` in it standing for the source.
    ROUGE-1, 2 and L are those of rouge-score without stemming, of several references the nearest
    counting; they see the letters a to z and digits only. The network writes once, for the test
    split, its likeliest tokens; until then bits per byte of the targets tell how far it has come.
    Sources are cut at their end where the network does not read all, targets at a quarter of the
    tokens that a decoder alone reads.
    Baseline: the first sentences, as many as the usual target has.
    Example: graft fit mails --task summarization -t lora
    """

    name: ClassVar[str] = "summarization"
    instruction: ClassVar[str] = "Summary:"
    share: ClassVar[float] = 1 / 4

    @property
    def of_texts(self) -> tuple[Metric, ...]:
        return rouge1, rouge2, rougeL

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (Baseline("lead-sentences", "taking the first sentences", _lead),)

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        animals, deeds, places = (
            ("cat", "dog", "cow"),
            ("sat", "ran", "ate"),
            ("in a box", "by a lake", "on a hill"),
        )

        def sample(split: str, number: int) -> Sample:
            """Who did what, and where; one of six is longer than a tiny network reads at once."""
            who, what, where = (str(rng.choice(words)) for words in (animals, deeds, places))
            source = f"there was a {who} that day. it {what} for long {where}." + " and so on." * (
                12 if number % 6 == 5 else 1
            )
            return Sample(f"{split}:{number}", {"source": source, "target": f"{who} {what}"})

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny summaries",
        )


def sentences(text: str) -> list[str]:
    """The sentences of a text: to a sign that ends one before white space, or a line's end."""
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip()]


def _lead(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
    usual = max(1, round(median(len(sentences(sample.roles["target"])) for sample in train)))
    return objects(
        [Written(" ".join(sentences(sample.roles["source"])[:usual])) for sample in test]
    )
