"""Learn from the network's own predictions for unlabeled samples, made anew before each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.passes import join_by_row
from graft.base.ranges import PartialShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation
from graft.techniques.domains.labels import PredictedLabelsObjective
from graft.techniques.formulas.pseudo_labels import pseudo_labels
from graft.techniques.specs.stream import UNLABELED
from graft.techniques.technique import HowOften, Look, Objective


@dataclass(frozen=True)
class SelfTraining(Adaptation):
    """Full fine-tuning in which confident predictions serve as labels of unlabeled samples.

    Or, after a `+`, the loss on these samples alone, as in `feature-extraction + self-training`,
    which takes seconds on recorded features.
    Formula: L(task) + weight a mean over unlabeled n of 1[max q_n >= threshold] (-log p_n[argmax
    q_n]), q what the network predicts before an epoch, p what it predicts in a step; a rises from 0
    at a tenth of the phase to 1 at six tenths.
    Source: Lee: Pseudo-Label, ICML 2013 workshop, for the loss and the ramp; labels for a whole
    epoch and a threshold as Yarowsky, ACL 1995.
    When: more unlabeled samples than labels, of the same classes; also of another domain, if the
    network is mostly right there.
    When not: a network that is wrong where it is confident, which then learns its errors.
    Example: graft fit photos --unlabeled more_photos -t self-training
    """

    transfer: ClassVar[str] = "inductive"

    threshold: PartialShare = 0.9
    """How probable a prediction must be to serve as a label."""

    def objective(self, model: Model, task: Task) -> Objective:
        return SelfTrainingObjective(model, task, self)


class SelfTrainingObjective(PredictedLabelsObjective):
    """The task's loss, and that of labels predicted before the epoch."""

    looks: ClassVar[dict[str, HowOften]] = {UNLABELED: "each epoch"}

    def __init__(self, model: Model, task: Task, settings: SelfTraining):
        super().__init__(model, task, settings)
        self.register_buffer("labels", torch.zeros(0, dtype=torch.long))
        self.register_buffer("is_confident", torch.zeros(0, dtype=torch.bool))

    def before_epoch(self, look: Look) -> None:
        (logits,) = join_by_row(look(UNLABELED), lambda _, output: output.logits.float())
        self.labels, self.is_confident = pseudo_labels(logits, self.settings.threshold)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not len(self.labels):  # a recording or an estimate is tried before the first epoch
            return {}
        rows, logits = batches[UNLABELED].rows, outputs[UNLABELED].logits
        return self.weigh_loss(logits, self.labels[rows], self.is_confident[rows], progress)
