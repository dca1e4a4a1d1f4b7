"""Gradients that make no task worse."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.tasks.task import Task
from graft.techniques.formulas.conflicts import project_on_cone
from graft.techniques.tasks.surgery import SurgeryObjective
from graft.techniques.tasks.weighting import Weighting
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Upgrad(Weighting):
    """Full fine-tuning on several tasks by steps that make, in the first order, no task worse.

    Or, after a `+`, this alone.
    Formula: each task's gradient in the shared layers is projected on the cone of the directions
    that have no negative product with the gradient of any task; then the sum. With `accumulate`,
    the gradients of each piece.
    Source: Quinton, Rey: Jacobian Descent for Multi-Objective Optimization, arXiv:2406.16232
    (UPGrad; the mean there).
    When: training one task makes another one worse, also where three tasks conflict, which
    projections on pairs (pcgrad) do not end.
    When not: a gradient a task costs as many backward passes; where none conflict it is the plain
    sum.
    Example: graft fit reviews.jsonl --task multi-task -t upgrad
    """

    def objective(self, model: Model, task: Task) -> Objective:
        return UpgradObjective(model, task)


class UpgradObjective(SurgeryObjective):
    """Projects each gradient on the cone of all."""

    def join(self, gradients: Tensor) -> Tensor:
        return project_on_cone(gradients)
