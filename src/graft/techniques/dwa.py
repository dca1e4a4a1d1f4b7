"""Weights of several tasks by how quickly each is learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Moderate
from graft.tasks.task import Task
from graft.techniques.formulas.dwa import average_weights
from graft.techniques.tasks.weighting import Weighting, WeightingObjective
from graft.techniques.technique import Backward, Look, Objective


@dataclass(frozen=True)
class Dwa(Weighting):
    """Full fine-tuning on several tasks, those that are learned slowly with a larger weight.

    Or, after a `+`, the weights alone: dynamic weight average.
    Formula: w_k = K softmax_k(r_k / T), r_k the mean loss of task k in the last epoch divided by
    that in the epoch before; 1 in the first two epochs.
    Source: Liu, Johns, Davison: End-to-End Multi-Task Learning with Attention, arXiv:1803.10704,
    equation 7.
    When: many epochs, and tasks that are learned at different speeds.
    When not: three epochs or fewer: the weights begin in the third.
    Example: graft fit reviews.jsonl --task multi-task -t dwa
    """

    temperature: Moderate = 2.0
    """A large one makes the weights alike."""

    def objective(self, model: Model, task: Task) -> Objective:
        return DwaObjective(model, task, self.temperature)


class DwaObjective(WeightingObjective):
    """Keeps the mean losses (K,) of the last two epochs, and the sums of this one."""

    def __init__(self, model: Model, task: Task, temperature: float):
        super().__init__(model, task)
        self.temperature = temperature
        for name in ("before", "last", "total"):
            self.register_buffer(name, torch.zeros(len(self.names)))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("epochs", torch.zeros(()))
        self._losses: Tensor | float = 0.0

    def before_epoch(self, look: Look) -> None:
        if self.steps:
            self.before.copy_(self.last)
            self.last.copy_(self.total / self.steps)
            self.epochs.add_(1)
        self.total.zero_()
        self.steps.zero_()

    def before_step(self) -> None:
        self._losses = 0.0

    def weights(self, losses: Tensor) -> Tensor:
        if self.epochs < 2:
            return torch.ones_like(losses)
        return average_weights(self.last, self.before, self.temperature)

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        super().backward(losses, backward)
        self._losses = self._losses + self.split(losses)[0].detach()  # pieces add up to the batch

    def after_step(self, progress: float) -> None:
        self.total.add_(self._losses)
        self.steps.add_(1)
