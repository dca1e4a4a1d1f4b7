"""Weights of several tasks by the uncertainty of each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.tasks.weighting import Weighting, WeightingObjective
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Uncertainty(Weighting):
    """Full fine-tuning on several tasks whose weights are learned with the network.

    Or, after a `+`, the weights alone.
    Formula: sum over the tasks k of c_k exp(-s_k) L_k + s_k / 2, with s_k = log of the variance of
    task k, which is learned and begins at 0, and c_k = 1/2 for numbers, else 1.
    Source: Kendall, Gal, Cipolla: Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
    Geometry and Semantics, arXiv:1705.07115, equations 7 and 10.
    When: the losses of the tasks are of very different sizes, and nobody knows the weights.
    When not: few steps, in which the weights hardly move; one task is much noisier than the others
    and still matters: it gets a small weight.
    Example: graft fit reviews.jsonl --task multi-task -t uncertainty
    """

    def objective(self, model: Model, task: Task) -> Objective:
        return UncertaintyObjective(model, task)


class UncertaintyObjective(WeightingObjective):
    """Learns the logarithms (K,) of the variances of the tasks."""

    def __init__(self, model: Model, task: Task):
        super().__init__(model, task)
        self.log_variances = nn.Parameter(torch.zeros(len(self.names)))
        factors = [0.5 if part.gives == "number" else 1.0 for part in task.learned_parts.values()]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)

    def weights(self, losses: Tensor) -> Tensor:
        return self.factors * torch.exp(-self.log_variances)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        return {"uncertainty": self.log_variances.sum() / 2}
