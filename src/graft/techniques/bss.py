"""Shrink the directions of the features that transfer badly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Count, NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.bss import spectral_shrinkage
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Bss(RegularizedFineTuning):
    """Full fine-tuning with a penalty on the smallest singular values of the features of a batch.

    Or, after a `+`, the penalty alone, as in `l2-sp + bss`.
    Formula: L(task) + weight times the sum over i = 1 .. smallest of sigma_(-i)^2, sigma_(-i) the
    i-th smallest singular value of the features (N, D) of a batch. In pieces of a batch they are
    those of each piece.
    Source: Chen et al.: Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage
    for Safe Transfer Learning, NeurIPS 2019, whose weight and count are the defaults.
    When: few labels, and data unlike those of the pretraining, of which some features say nothing;
    the paper adds it to other penalties.
    When not: many labels; batches of very few examples, whose smallest singular value is large.
    Example: graft fit photos -t bss:weight=0.01
    """

    reads_vectors: ClassVar[bool] = True

    weight: NotNegative = 0.001
    """The weight of the penalty; 0 is plain fine-tuning."""
    smallest: Count = 1
    """How many singular values are penalized."""

    def objective(self, model: Model, task: Task) -> Objective:
        return BssObjective(model, task, self.weight, self.smallest)


class BssObjective(Objective):
    """The task's loss and the smallest singular values of the features that enter the head."""

    def __init__(self, model: Model, task: Task, weight: float, smallest: int):
        super().__init__(model, task)
        self.weight, self.smallest = weight, smallest

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        features = outputs[LABELED].features
        if not self.weight or not features.requires_grad:
            return {}
        return {"spectral": self.weight * spectral_shrinkage(features, self.smallest)}
