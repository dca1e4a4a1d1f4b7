"""What tasks share whose targets are written texts, measured against those that are generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from graft.base.errors import DataError
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data
from graft.metrics.language import bits_per_byte
from graft.metrics.metric import Metric
from graft.tasks.task import Task, objects
from graft.tasks.text.generation import Decoding
from graft.tasks.text.token_loss import sum_of_sums
from graft.tasks.text.written import as_json, likelihoods_of, most_tokens

MARGIN = 1.25
"""The maximum length of a generated text, in lengths of the longest target in training."""


@dataclass(frozen=True)
class Writing(Task):
    """Texts are generated once, for the test split; before that the true ones are predicted.

    `longest` are the bytes of the longest target in training; `most` the tokens that are written at
    most, which is chosen on validation, since it depends on the tokenizer.
    """

    gives: ClassVar[str] = "text"
    generates: ClassVar[bool] = True
    measures_texts: ClassVar[bool] = True

    classes: tuple[str, ...] = ()
    longest: int = 0
    most: int | None = None
    num_beams: int = 1
    """The number of texts that are searched for the likeliest one; 1 takes the likeliest token each
    time."""

    def __post_init__(self) -> None:
        """Raises BadValue for an impossible number of beams."""
        super().__post_init__()
        Decoding(num_beams=self.num_beams)

    @classmethod
    def training_targets(cls, data: Data) -> list[str]:
        """Return the targets in training; raises DataError if none of them has a word."""
        targets = [sample.roles[cls.target_role] for sample in data.splits["train"]]
        if not any(target.strip() for target in targets):
            raise DataError(
                f"Every {cls.target_role} in the training split of "
                f"{data.path or 'the data'} is empty; give some that are not."
            )
        return targets

    def losses(
        self, output: Output, batch: Batch, rows: Sequence[tuple[float, int]]
    ) -> tuple[float, int]:
        """One a token of the targets, as the rows have them."""
        return sum_of_sums(rows)

    def with_texts(self, scores: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        return objects([replace(s, text=text) for s, text in zip(scores, texts, strict=True)])

    def tune(self, scores: np.ndarray, targets: np.ndarray) -> Self:
        """Decode up to `most` tokens: those of the longest target in training, and a quarter more.

        They are counted by the bytes of a token in validation.
        """
        return replace(self, most=most_tokens(scores, self.longest, MARGIN) or self.most)

    @property
    def decoding(self) -> Decoding:
        """The likeliest tokens, by beams where there are several.

        A token being a byte at least, until `most` is known.
        """
        return Decoding(self.most or max(1, self.longest), num_beams=self.num_beams)

    def decode(self, scores: np.ndarray, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """`prediction`: the text that was written.

        `confidence`: the mean (geometric) probability of a byte of the target, in a prediction of
        the written text. `nats`, `tokens` and `bytes` are those of the target. Of a text that no
        network wrote only the prediction is known.
        """
        return [as_json(score) for score in scores]

    @property
    def watched(self) -> dict[str, Metric]:
        """Bits per byte of the targets, for which nothing need be written."""
        return {bits_per_byte.name: bits_per_byte.with_reader(likelihoods_of)}
