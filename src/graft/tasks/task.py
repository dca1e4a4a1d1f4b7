"""The contract of a task: what is predicted, how it is encoded, learnt, decoded and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import Tensor

from graft.backbones.backbone import Model
from graft.backbones.preprocess import Preprocess
from graft.base.records import Batch, Output, Sample
from graft.data.data import Data

Metric = Callable[[np.ndarray, np.ndarray], float]
Baseline = Callable[[Sequence[Sample], Sequence[Sample]], np.ndarray]
"""(train samples, test samples) -> scores of the test samples in the form that `scores` has, learnt without a network."""


@dataclass(frozen=True)
class Task(ABC):
    """One kind of prediction over a fixed list of classes. Its name is the Hugging Face pipeline id.

    In training, `encode` and `collate` make batches and `loss` is what is minimised. In evaluation, `scores` of the
    logits (N, ...) and `targets` of the samples (N, ...) are what every metric takes, so that a metric can be
    recomputed on any resampling of the examples.
    """

    name: ClassVar[str]
    roles: ClassVar[frozenset[str]]
    """The roles that the data must have."""
    kinds: ClassVar[frozenset[str]]
    """The feature kinds of a backbone that the head can sit on."""

    @classmethod
    @abstractmethod
    def from_data(cls, data: Data, *, weighted: bool = False) -> Task:
        """The task with what it learns from the training split: classes, their weights when `weighted`."""

    @abstractmethod
    def attach_head(self, model: Model) -> None:
        """Give the model a fresh head, drawn from the global random state."""

    @abstractmethod
    def encode(self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None) -> dict[str, Tensor]:
        """The tensors of one sample, and its `target` where it has one. `rng` is given for augmentation only."""

    @abstractmethod
    def collate(self, encoded: list[dict[str, Tensor]], preprocess: Preprocess) -> Batch: ...

    @abstractmethod
    def loss(self, output: Output, batch: Batch) -> Tensor:
        """The mean loss of the batch, a scalar."""

    @abstractmethod
    def scores(self, logits: Tensor) -> np.ndarray: ...

    @abstractmethod
    def targets(self, samples: Sequence[Sample]) -> np.ndarray: ...

    @abstractmethod
    def decode(self, scores: np.ndarray) -> list[dict]:
        """One row an example for the user: `prediction`, `confidence`, `probabilities`."""

    @abstractmethod
    def preview(self, sample: Sample) -> dict[str, str]:
        """What a person sees of the sample in the report: `{"kind": "image" | "text", "value": data URI | text}`."""

    @property
    @abstractmethod
    def metrics(self) -> dict[str, Metric]:
        """Name -> metric(scores, targets); the first one is the primary one, and higher is better for it."""

    @property
    @abstractmethod
    def baselines(self) -> dict[str, Baseline]:
        """The trivial predictors that a transfer must beat."""

    @abstractmethod
    def settings(self) -> dict:
        """What `type(self)(**settings)` needs to be the same task again, as JSON."""

    @classmethod
    @abstractmethod
    def tiny_data(cls) -> Data:
        """A learnable data set of a few dozen samples, for the contract tests."""
