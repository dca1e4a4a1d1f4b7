"""Few labels, many unlabeled samples: what is predicted in a step is learned in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import PartialShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation
from graft.techniques.domains.labels import PredictedLabelsObjective
from graft.techniques.formulas.pseudo_labels import pseudo_labels
from graft.techniques.specs.stream import UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class PseudoLabels(Adaptation):
    """Full fine-tuning in which the most probable class is the label of an unlabeled sample.

    Or, after a `+`, the loss on these samples alone, as in `feature-extraction + pseudo-labels`,
    which takes seconds on recorded features.
    Formula: L(task) + weight a mean over unlabeled n of 1[max p_n >= threshold] (-log p_n[argmax
    p_n]), p what the network predicts in the step; a rises from 0 at a tenth of the phase to 1 at
    six tenths.
    Source: Lee: Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep
    Neural Networks, ICML 2013 workshop, which has no threshold.
    When: more unlabeled samples than labels, of the same classes and the same domain.
    When not: a network that is often wrong, which then learns its errors; `self-training` keeps the
    labels of an epoch and takes confident ones alone.
    Example: graft fit photos --unlabeled more_photos -t pseudo-labels
    """

    transfer: ClassVar[str] = "inductive"

    threshold: PartialShare = 0.0
    """How probable a prediction must be to serve as a label."""

    def objective(self, model: Model, task: Task) -> Objective:
        return PseudoLabelsObjective(model, task, self)


class PseudoLabelsObjective(PredictedLabelsObjective):
    """The task's loss, and that of the labels predicted in the step."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        logits = outputs[UNLABELED].logits
        labels, is_confident = pseudo_labels(logits, self.settings.threshold)
        return self.weigh_loss(logits, labels, is_confident, progress)
