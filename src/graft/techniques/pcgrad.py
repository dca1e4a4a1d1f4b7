"""Gradient surgery: no task pulls against another one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.tasks.task import Task
from graft.techniques.formulas.conflicts import project_conflicts
from graft.techniques.tasks.surgery import SurgeryObjective
from graft.techniques.tasks.weighting import Weighting
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Pcgrad(Weighting):
    """Full fine-tuning on several tasks, without the conflicting parts of their gradients.

    Or, after a `+`, this alone.
    Formula: of each task's gradient g_k in the shared layers, for the others j in a random order
    with g_k . g_j < 0: g_k - (g_k . g_j) / |g_j|^2 g_j; then the sum. With `accumulate`, the
    gradients of each piece.
    Source: Yu et al.: Gradient Surgery for Multi-Task Learning, arXiv:2001.06782, algorithm 1.
    When: training one task makes another one worse.
    When not: a gradient a task costs as many backward passes; where none conflict it is the plain
    sum, and tuned weights do as well (Kurin et al., arXiv:2201.04122).
    Example: graft fit reviews.jsonl --task multi-task -t pcgrad
    """

    def objective(self, model: Model, task: Task) -> Objective:
        return PcgradObjective(model, task)


class PcgradObjective(SurgeryObjective):
    """Draws the orders from torch's random state, which is the same after a resume."""

    def join(self, gradients: Tensor) -> Tensor:
        count = len(gradients)
        return project_conflicts(gradients, [torch.randperm(count).tolist() for _ in range(count)])
