"""Translation: the same in another language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.data import Data
from graft.metrics.bleu import bleu
from graft.metrics.chrf import chrf
from graft.metrics.metric import Metric
from graft.tasks.task import objects
from graft.tasks.text.seq2seq import Seq2seq
from graft.tasks.text.written import Written


@dataclass(frozen=True)
class Translation(Seq2seq):
    """Write a text in another language.

    By an encoder-decoder (T5, BART, Marian), or by a decoder that reads the source and the line
    "Translation:" and learns to go on; `prompt` is read in place of these, `{}` in it standing for
    the source. BLEU and chrF are those of sacreBLEU, of all references that there are. The network
    writes once, for the test split, its likeliest tokens; until then bits per byte of the targets
    tell how far it has come. Sources are cut at their end where the network does not read all,
    targets at half of the tokens that a decoder alone reads.
    Baseline: the source as it is.
    Example: graft fit multi30k --task translation:num_beams=4
    """

    name: ClassVar[str] = "translation"
    instruction: ClassVar[str] = "Translation:"
    share: ClassVar[float] = 1 / 2

    @property
    def of_texts(self) -> tuple[Metric, ...]:
        return bleu, chrf

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        return (Baseline("copy-source", "copying the source", _copy_source),)

    @classmethod
    def tiny_data(cls) -> Data:
        rng = np.random.default_rng(0)
        ours, theirs = (
            ("red", "big", "old", "cat", "dog", "hat"),
            ("rot", "gross", "alt", "katze", "hund", "hut"),
        )

        def sample(split: str, number: int) -> Sample:
            """Word by word; one of six is longer than a tiny network reads at once."""
            words = rng.integers(len(ours), size=60 if number % 6 == 5 else int(rng.integers(4, 7)))
            source, target = (
                " ".join(language[word] for word in words) for language in (ours, theirs)
            )
            return Sample(f"{split}:{number}", {"source": source, "target": target[:60]})

        sizes = {"train": 24, "val": 8, "test": 12}
        return Data(
            {split: [sample(split, i) for i in range(n)] for split, n in sizes.items()},
            "tiny translations",
        )


def _copy_source(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
    return objects([Written(sample.roles["source"]) for sample in test])
