"""Learn from pictures without labels: two views of a picture are alike, those of others are not."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Moderate
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.nt_xent import nt_xent
from graft.techniques.technique import Objective
from graft.techniques.unlabeled.self_supervision import (
    OTHER_VIEW,
    SAMPLES,
    SelfSupervisedObjective,
    TwoViews,
    projector,
)

PROJECTED = 128
"""The numbers of a projection, as in the paper."""


@dataclass(frozen=True)
class Simclr(TwoViews):
    """Contrast two views of each of your unlabeled pictures, before the task is learned.

    Formula: mean over the 2 N views i of a batch of -log(exp(s_ij / t) / sum over k != i of
    exp(s_ik / t)), j the other view of i's picture, s the cosine of projections g(f(x)), g a
    network with one hidden layer, which is dropped.
    Pictures: those of the training split, without their labels, and of the split `unlabeled`.
    Source: Chen et al.: SimCLR, arXiv:2002.05709.
    When: thousands of pictures without labels, and memory for batches of 64 and more: each picture
    is contrasted with those of its batch.
    When not: small batches; pictures that are nearly alike, which it tears apart; less than twice
    as many pictures as labels; without a technique after `then` that learns the task.
    Example: graft fit photos --unlabeled more_photos -t "simclr:batch_size=64 then lp-ft"
    """

    temperature: Moderate = 0.5
    """How much the nearest of the other views count: the lower, the more."""

    def objective(self, model: Model, task: Task) -> Objective:
        return SimclrObjective(model, task, self.temperature)


class SimclrObjective(SelfSupervisedObjective):
    """The contrast of projections."""

    def __init__(self, model: Model, task: Task, temperature: float):
        super().__init__(model, task)
        self.temperature = temperature
        self.projector = projector(self.width, self.width, PROJECTED)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        first, second = (self.projector(outputs[name].features) for name in (SAMPLES, OTHER_VIEW))
        return {"views": nt_xent(first, second, temperature=self.temperature)}
