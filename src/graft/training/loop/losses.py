"""Means of named losses over batches or pieces, each weighted by what the loss averages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from graft.base.records import Batch, Batches
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective

Numbers = Mapping[str, Tensor | float]
"""Loss name -> number. Tensors stay on the device: reading them would wait for it."""


def weigh(objective: Objective, losses: Numbers, batches: Batches) -> dict[str, Tensor | float]:
    """Return the weight of each loss in the batches.

    That is one an example of the first stream if the objective names none.
    """
    weights, count = objective.loss_weights(batches), len(next(iter(batches.values())))
    return {name: weights.get(name, count) for name in losses}


class Means:
    """Weighted means that grow from batch to batch."""

    def __init__(self) -> None:
        self._totals: dict[str, Tensor | float] = {}
        self._weights: dict[str, Tensor | float] = {}

    def add(self, losses: Numbers, weights: Numbers) -> None:
        """Add the mean losses of a batch."""
        for name, loss in losses.items():
            self._totals[name] = self._totals.get(name, 0.0) + loss * weights[name]
            self._weights[name] = self._weights.get(name, 0.0) + weights[name]

    def state(self) -> dict[str, Tensor]:
        """Return the sums so far as tensors; Python numbers become float64."""
        sums = {"totals": self._totals, "weights": self._weights}
        return {
            f"{kind}/{name}": torch.as_tensor(
                value, dtype=None if isinstance(value, Tensor) else torch.float64
            )
            for kind, values in sums.items()
            for name, value in values.items()
        }

    @classmethod
    def of(cls, state: Mapping[str, Tensor], device: torch.device) -> Means:
        """Return means that continue, to the last bit, from what `state` returned."""
        means = cls()
        for key, tensor in state.items():
            kind, name = key.split("/", 1)
            values = means._totals if kind == "totals" else means._weights
            values[name] = tensor.item() if tensor.dtype == torch.float64 else tensor.to(device)
        return means

    def read(self) -> dict[str, float]:
        """Return the means so far, by name."""
        return {
            name: float(total) / float(self._weights[name]) for name, total in self._totals.items()
        }


def mean_losses(objective: Objective, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the mean of each loss over labeled batches, at the end of a phase; no gradients."""
    means = Means()
    with torch.no_grad():
        for batch in batches:
            losses = objective({LABELED: batch}, 1.0)
            means.add(losses, weigh(objective, losses, {LABELED: batch}))
    return means.read()
