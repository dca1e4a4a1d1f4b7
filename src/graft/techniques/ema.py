"""Measure and keep the moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.ranges import InnerShare
from graft.tasks.task import Task
from graft.techniques.averages.swap import swap
from graft.techniques.specs.copies import copy_tensors
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.specs.places import select
from graft.techniques.technique import Objective, Phase

RAMP = 10.0
"""Step t keeps (1 + t) / (10 + t) of the average at most: 1 / 10 at first, so that the average soon
forgets the weights that it starts with."""


@dataclass(frozen=True)
class Ema(FineTuning):
    """Full fine-tuning that measures and keeps the moving average of the weights.

    Or, after a `+`, the same for any technique that trains in steps: `lora + ema`.
    Formula: after step t, w' = d w' + (1 - d) w with d = min(decay, (1 + t) / (10 + t)), w the
    weights that train, w' what validation measures and the model ends with.
    Source: Polyak and Juditsky: Acceleration of Stochastic Approximation by Averaging, SIAM J.
    Control Optim. 30, 1992; Morales-Brotons et al.: Exponential Moving Average of Weights in Deep
    Learning, arXiv:2411.18704.
    When: noisy steps: small batches, high or constant rates, noisy labels.
    When not: a head that is solved for, which has no steps; a rate that falls to 0, where the
    average hardly differs from the last weights.
    Example: graft fit photos -t "full-fine-tuning:schedule=constant + ema"
    """

    decay: InnerShare = 0.99
    """The most of the average that a step keeps: 0.99 looks back over about 100 steps."""

    def objective(self, model: Model, task: Task) -> Objective:
        return EmaObjective(model, task, self.decay)


class EmaObjective(Objective):
    """The task's loss, with an average beside each weight that trains in the phase."""

    def __init__(self, model: Model, task: Task, decay: float):
        super().__init__(model, task)
        self.decay = decay
        self.names: list[str] = []
        self.register_buffer("num_steps", torch.zeros(()))
        self.averages = nn.ParameterList()

    @torch.no_grad()
    def begin(self, phase: Phase) -> None:
        self._settle()
        self.names = select(self.model, phase.trainable)
        self.averages = copy_tensors(map(self.model.network.get_parameter, self.names))

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        count = float(self.num_steps)
        decay = min(self.decay, (1 + count) / (RAMP + count))
        for weight, average in self._pairs():
            average.lerp_(weight, 1 - decay)
        self.num_steps += 1

    @contextmanager
    def measured_model(self) -> Iterator[Model]:
        """Yield the model with its averages; it has its own weights again afterwards."""
        self._swap()
        try:
            yield self.model
        finally:
            self._swap()

    def finish(self) -> Model:
        self._settle()
        return self.model

    @torch.no_grad()
    def _settle(self) -> None:
        """Take the averages for weights; a head that was solved for has taken no steps."""
        if self.num_steps > 0:
            self._swap()
        self.num_steps.zero_()

    def _swap(self) -> None:
        if self.num_steps > 0:
            swap(self._pairs())

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each weight that trains with its average."""
        weights = map(self.model.network.get_parameter, self.names)
        return zip(weights, self.averages, strict=True)
