"""The batches of one split, encoded ahead and placed on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from graft.backbones.preprocess import Preprocess
from graft.base.records import Batch, Sample
from graft.data import loaders
from graft.tasks.task import Task

Seed = tuple[int, int]
"""(seed of the run and phase, epoch): all that order and augmentation depend on, so that a resumed run sees the same."""


@dataclass(frozen=True)
class Feed:
    """Samples of a split as batches of inputs, or of recorded `features` (N, D) in the order of the samples."""

    samples: Sequence[Sample]
    task: Task
    preprocess: Preprocess
    device: torch.device
    batch_size: int
    views: int | None = None
    features: Tensor | None = None

    def with_features(self, features: Tensor) -> Feed:
        """The same samples behind recorded features; batches grow so that an epoch has at most 64 of them."""
        size = max(self.batch_size, -(-len(self.samples) // 64))
        return replace(self, features=features, batch_size=size)

    def plan(self, seed: Seed | None) -> list[list[int]]:
        """The rows of each batch of an epoch; sorted by length where no seed is given."""
        return loaders.plan(self.lengths, self.batch_size, seed)

    def stream(self, plan: Sequence[list[int]], seed: Seed | None = None) -> Iterator[Batch]:
        """Batches of the planned rows; augmented where a seed is given and the views are not the plain one."""
        if self.features is not None:
            yield from (self._recorded(rows) for rows in plan)
            return
        for batch in loaders.stream(plan, lambda rows: self._encode(rows, seed)):
            yield batch.to(self.device)

    @cached_property
    def lengths(self) -> list[int]:
        if self.features is not None or self.preprocess.modality != "text":
            return [1] * len(self.samples)
        return [self.preprocess.length(sample.roles["text"]) for sample in self.samples]

    @cached_property
    def targets(self) -> Tensor:
        return torch.stack([self.task.target(sample) for sample in self.samples])

    def _recorded(self, rows: list[int]) -> Batch:
        index = torch.tensor(rows)
        return Batch({"features": self.features[index]}, self.targets[index], rows).to(self.device)

    def _encode(self, rows: list[int], seed: Seed | None) -> Batch:
        encoded = [self.task.encode(self.samples[row], self.preprocess, self._rng(row, seed)) for row in rows]
        batch = self.task.collate(encoded, self.preprocess)
        batch.rows = rows
        return batch

    def _rng(self, row: int, seed: Seed | None) -> np.random.Generator | None:
        if seed is None or self.views == 1:
            return None
        run, epoch = seed
        return np.random.default_rng((run, epoch if self.views is None else epoch % self.views, row))
