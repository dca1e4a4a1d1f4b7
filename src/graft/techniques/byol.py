"""Learn from pictures without labels: predict what a slow copy of the network says of a view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model, evaluating
from graft.base.ranges import InnerShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.averages.swap import swap
from graft.techniques.formulas.batches import check_views
from graft.techniques.formulas.byol import regression_loss
from graft.techniques.formulas.moving_average import teacher_momentum
from graft.techniques.specs.copies import copy_tensors
from graft.techniques.specs.places import select
from graft.techniques.technique import Objective, Phase
from graft.techniques.unlabeled.self_supervision import (
    OTHER_VIEW,
    SAMPLES,
    SelfSupervisedObjective,
    TwoViews,
    projector,
)

HIDDEN, PROJECTED = 512, 128
"""The widths of projector and predictor; the paper has 4096 and 256, for a million pictures."""


@dataclass(frozen=True)
class Byol(TwoViews):
    """Predict a moving average of the network on another view, before the task is learned.

    Formula: mean of 2 - 2 cos(h(g(f(x))), g'(f'(x'))), for both orders of the views x and x' of a
    picture; g and h have one hidden layer, and are dropped. After each step f' and g' become m f' +
    (1 - m) f, m growing from `momentum` to 1. No gradient flows through f' and g'.
    Pictures: those of the training split, without their labels, and of the split `unlabeled`.
    Source: Grill et al.: Bootstrap Your Own Latent, arXiv:2006.07733.
    When: as simclr, where batches are small: no picture is contrasted with others.
    When not: little time: the network runs on each view twice; a loss that falls to 0 at once,
    which means that all pictures look the same to it; less than twice as many pictures as labels;
    without a technique after `then` that learns the task.
    Example: graft fit photos --unlabeled more_photos -t "byol then lp-ft"
    """

    cost: ClassVar[float] = 3.0

    momentum: InnerShare = 0.99
    """The share of the average that the first step keeps; it grows to 1."""

    def objective(self, model: Model, task: Task) -> Objective:
        return ByolObjective(model, task, self.momentum)


class ByolObjective(SelfSupervisedObjective):
    """The distance from predictions to the teacher, whose weights are averages of the student's.

    The teacher is no second network: averages take the places of the weights while it runs.
    """

    def __init__(self, model: Model, task: Task, momentum: float):
        super().__init__(model, task)
        self.momentum = momentum
        self.projector = projector(self.width, HIDDEN, PROJECTED, normalized=True)
        self.predictor = projector(PROJECTED, HIDDEN, PROJECTED, normalized=True)
        self.names: list[str] = []
        self.averages = nn.ParameterList()

    def begin(self, phase: Phase) -> None:
        self.names = select(self.model, phase.trainable)
        self.averages = copy_tensors(self._weights())

    def forward(self, batches: Batches, progress: float) -> dict[str, Tensor]:
        """The teacher runs first: gradients need the student's weights to stay as they are."""
        check_views("BYOL", batches[SAMPLES])
        targets = self._teach(batches)
        outputs = self.outputs(batches)
        return {"views": self._distance(outputs, targets)}

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        share = 1 - teacher_momentum(progress, self.momentum)
        for weight, average in self._pairs():
            average.lerp_(weight, share)

    @torch.no_grad()
    def _teach(self, batches: Batches) -> dict[str, Tensor]:
        """The teacher's projections of each view."""
        swap(self._pairs())
        try:
            with evaluating(self.model):
                outputs = self.outputs(batches)
            return {name: self.projector(output.features) for name, output in outputs.items()}
        finally:
            swap(self._pairs())

    def _distance(self, outputs: Outputs, targets: dict[str, Tensor]) -> Tensor:
        predicted = {n: self.predictor(self.projector(o.features)) for n, o in outputs.items()}
        one = regression_loss(predicted[SAMPLES], targets[OTHER_VIEW])
        return one + regression_loss(predicted[OTHER_VIEW], targets[SAMPLES])

    def _weights(self) -> Iterator[Tensor]:
        """The weights that the teacher has averages of."""
        yield from map(self.model.network.get_parameter, self.names)
        yield from self.projector.parameters()

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self._weights(), self.averages, strict=True)
