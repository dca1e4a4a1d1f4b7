"""Fixed weights of several tasks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.tasks.task import Task
from graft.techniques.tasks.chosen import weighted_tasks
from graft.techniques.tasks.weighting import Weighting, WeightingObjective
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class TaskWeights(Weighting):
    """Full fine-tuning on several tasks with fixed weights.

    Or, after a `+`, the weights alone.
    Formula: sum over the tasks k of w_k L_k.
    Source: Caruana: Multitask Learning, Machine Learning 28, 1997. Well chosen weights do as well
    as what is computed: Kurin et al., arXiv:2201.04122; Xin et al., arXiv:2209.11379.
    When: one task matters more, or its loss is of another size than those of the others.
    When not: all matter alike; losses of classes and of standardized numbers are of one size.
    Example: graft fit reviews.jsonl --task multi-task -t 'task-weights:weights="words=2"'
    """

    weights: str = ""
    """The weight of each task, as in "stress=2, severity=0.5"; of others it is 1."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise UnknownName for a task that there is not, BadValue for weights below 0 or all 0."""
        super().check(backbone, task)
        weights = weighted_tasks(self.weights, list(task.parts))
        if all(weights.get(name, 1.0) == 0 for name in task.learned_parts):
            raise BadValue(
                f"The weights of all tasks are 0 in {self.weights!r}, so that nothing would be "
                "learned. Give one of them a weight above 0."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return TaskWeightsObjective(model, task, weighted_tasks(self.weights, list(task.parts)))


class TaskWeightsObjective(WeightingObjective):
    """Joins the losses by fixed weights."""

    def __init__(self, model: Model, task: Task, weights: dict[str, float]):
        super().__init__(model, task)
        fixed = torch.tensor([weights.get(name, 1.0) for name in self.names])
        self.register_buffer("fixed", fixed, persistent=False)

    def weights(self, losses: Tensor) -> Tensor:
        return self.fixed
