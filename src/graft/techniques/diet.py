"""Learn from pictures without labels: which of all pictures is it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.passes import join_by_row
from graft.base.ranges import PartialShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas import diet as formula
from graft.techniques.technique import HowOften, Look, Objective
from graft.techniques.unlabeled.self_supervision import (
    SAMPLES,
    OnFeatures,
    SelfSupervisedObjective,
)


@dataclass(frozen=True)
class Diet(OnFeatures):
    """Let the network recognize each of your unlabeled pictures, before the task is learned.

    Formula: mean over n of -(1 - s) log p[n] - s / N sum over e of log p[e], p = softmax(W z(x~)),
    z the features with mean 0 and variance 1, x~ an augmented view of picture n of N, s the
    smoothing. W has a row a picture, begins with the z of the pictures, and is dropped.
    Pictures: those of the training split, without their labels, and of the split `unlabeled`.
    Source: Ibrahim et al.: Occam's Razor for Self Supervised Learning, arXiv:2406.10743; Rodas et
    al.: DIET-CP, arXiv:2509.06990, which continues a pretraining with a thousand pictures. The
    rows begin as the memory of Wu et al., arXiv:1805.01978, so that a few epochs are enough.
    When: the first to try: a thousand pictures without labels and more, unlike those of the
    pretraining; it has no other settings, and batches may be small.
    When not: more than some 100,000 pictures, as W grows with them; less than twice as many
    pictures as labels; without a technique after `then` that learns the task.
    Example: graft fit photos --unlabeled more_photos -t "diet then lp-ft"
    """

    smoothing: PartialShare = 0.8
    """The share of the label that all pictures have."""

    def objective(self, model: Model, task: Task) -> Objective:
        return DietObjective(model, task, self.smoothing)


class DietObjective(SelfSupervisedObjective):
    """The cross-entropy of which picture it is."""

    looks: ClassVar[dict[str, HowOften]] = {SAMPLES: "once"}

    def __init__(self, model: Model, task: Task, smoothing: float):
        super().__init__(model, task)
        self.smoothing = smoothing

    def prepare(self, counts: Mapping[str, int]) -> None:
        self.rows = self.place(nn.Linear(self.width, counts[SAMPLES], bias=False))
        self.register_buffer("has_begun", torch.zeros((), dtype=torch.bool, device=self.device))

    @torch.no_grad()
    def before_epoch(self, look: Look) -> None:
        """Rows that begin anywhere would take dozens of epochs to find their pictures."""
        if self.has_begun:
            return
        (features,) = join_by_row(look(SAMPLES), lambda _, output: output.features.float())
        self.rows.weight.copy_(formula.first_rows(standardize(features), self.smoothing))
        self.has_begun.fill_(True)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        logits = self.rows(standardize(outputs[SAMPLES].features))
        indices = torch.tensor(batches[SAMPLES].rows, device=logits.device)
        return {"picture": formula.diet(logits, indices, self.smoothing)}


def standardize(features: Tensor) -> Tensor:
    """Return features (N, D), each with mean 0 and variance 1."""
    return nn.functional.layer_norm(features, features.shape[1:])
