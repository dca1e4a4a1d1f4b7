"""Weights of several tasks so that all of them improve alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Fraction, NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.famo import famo_weights, update_logits
from graft.techniques.specs.stream import LABELED
from graft.techniques.tasks.weighting import Weighting, WeightingObjective
from graft.techniques.technique import Backward, Objective


@dataclass(frozen=True)
class Famo(Weighting):
    """Full fine-tuning on several tasks, weighed so that the losses of all fall alike.

    Or, after a `+`, the weights alone: fast adaptive multitask optimization.
    Formula: w_k = c z_k / L_k with z = softmax(x) and sum w = K, the number of tasks, so that the
    usual rates are right; after a step x falls by rate times J^T d + decay x, with d_k the fall of
    log L_k on the same batch and J the Jacobian of the softmax.
    Source: Liu et al.: FAMO: Fast Adaptive Multitask Optimization, arXiv:2306.03792, algorithm 1,
    where sum w = 1.
    When: many tasks, of which a few take all of the training; each step runs the batch twice.
    When not: two tasks that do not disturb each other, which the plain sum learns as well.
    Example: graft fit reviews.jsonl --task multi-task -t famo
    """

    rate: Fraction = 0.025
    """The rate of the weights."""
    decay: NotNegative = 0.001
    """How strongly the weights go back to equal ones."""

    def objective(self, model: Model, task: Task) -> Objective:
        return FamoObjective(model, task, self.rate, self.decay)


class FamoObjective(WeightingObjective):
    """Keeps the logits (K,) of the weights; within a step, its batches and their losses."""

    def __init__(self, model: Model, task: Task, rate: float, decay: float):
        super().__init__(model, task)
        self.rate, self.decay = rate, decay
        self.register_buffer("logits", torch.zeros(len(self.names)))
        self._batches: list[Batches] = []
        self._before: Tensor | float = 0.0

    def before_step(self) -> None:
        self._batches, self._before = [], 0.0

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        """Keep the batch, on which the losses are measured again after the step."""
        if torch.is_grad_enabled():
            self._batches.append(batches)
        return {}

    def weights(self, losses: Tensor) -> Tensor:
        return len(losses) * famo_weights(self.logits, losses.detach())

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        super().backward(losses, backward)
        self._before = self._before + self.split(losses)[0].detach()

    def after_step(self, progress: float) -> None:
        pieces, self._batches = [piece[LABELED] for piece in self._batches], []
        with torch.no_grad():
            shares = [len(piece) / sum(map(len, pieces)) for piece in pieces]
            after = sum(
                share * self.split(self.task.named_losses(self.model(piece), piece))[0]
                for share, piece in zip(shares, pieces, strict=True)
            )
        self.logits.copy_(update_logits(self.logits, self._before, after, self.rate, self.decay))
