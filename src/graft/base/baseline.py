"""A trivial predictor of a task, which a transfer must beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graft.base.records import Sample


@dataclass(frozen=True)
class Baseline:
    """A trivial predictor, fitted without a network, that transfer must beat.

    `words` is its name in reports. `predict` takes the training and the test samples and returns
    scores of the test samples in the form of `Task.scores`.
    """

    name: str
    words: str
    predict: Callable[[Sequence[Sample], Sequence[Sample]], np.ndarray]
