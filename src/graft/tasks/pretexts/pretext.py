"""The part of a task that training and validation need: enough for pretraining."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from torch import Tensor

from graft.backbones.preprocess.preprocess import Preprocess
from graft.base.records import Batch, Output, Sample, Windows
from graft.metrics.metric import Metric


class Pretext(Protocol):
    """The part of `Task` that a feed, a training step and an evaluation call; see there."""

    augments: bool
    batch_size: int | None
    budget: tuple[int, int]
    tokens: int | None
    patience: int | None
    best_by: Literal["loss", "metric"]

    @property
    def inputs(self) -> list[str]: ...
    @property
    def watched(self) -> dict[str, Metric]: ...
    def windows(self, samples: Sequence[Sample], preprocess: Preprocess) -> Windows: ...
    def length(self, piece: Sample, preprocess: Preprocess) -> int: ...
    def encode(
        self, sample: Sample, preprocess: Preprocess, rng: np.random.Generator | None
    ) -> dict[str, Tensor]: ...
    def collate(self, encoded: list[dict[str, Tensor]], preprocess: Preprocess) -> Batch: ...
    def loss(self, output: Output, batch: Batch) -> Tensor: ...
    def loss_weight(self, batch: Batch) -> float | Tensor: ...
    def rows(self, output: Output, batch: Batch) -> Sequence[Any]: ...
    def losses(self, output: Output, batch: Batch, rows: Sequence[Any]) -> tuple[float, float]: ...
    def scores(self, rows: Sequence[Any], windows: Windows) -> np.ndarray: ...
    def targets(self, samples: Sequence[Sample]) -> np.ndarray: ...
