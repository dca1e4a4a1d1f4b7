"""A part of each label belongs to all classes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import PartialShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.label_smoothing import smoothing_weight, uniform_cross_entropy
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class LabelSmoothing(RegularizedFineTuning):
    """Full fine-tuning on labels of which a part belongs to all classes alike.

    Or, after a `+`, the loss of this part alone, as in `lora + label-smoothing`.
    Formula: L(task) + s / (1 - s) mean over examples of -1 / K sum over the K classes of log p_k:
    the cross-entropy with labels (1 - s) y + s / K, divided by 1 - s.
    Source: Szegedy et al.: Rethinking the Inception Architecture for Computer Vision,
    arXiv:1512.00567; Müller et al.: When Does Label Smoothing Help?, arXiv:1906.02629.
    When: some labels are wrong; predictions that are too sure of themselves; it costs nothing.
    When not: a network that teaches another one by its probabilities, in which the likeness of
    classes is lost.
    Example: graft fit photos -t label-smoothing:smoothing=0.2
    """

    smoothing: PartialShare = 0.1
    """The part s of each label that belongs to all classes; 0 is plain fine-tuning."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("label-smoothing", task)

    def objective(self, model: Model, task: Task) -> Objective:
        return SmoothingObjective(model, task, self.smoothing)


class SmoothingObjective(Objective):
    """The task's loss and the cross-entropy with labels that say nothing."""

    def __init__(self, model: Model, task: Task, smoothing: float):
        super().__init__(model, task)
        self.weight = smoothing_weight(smoothing)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.weight:
            return {}
        logits = outputs[LABELED].logits
        uniform = uniform_cross_entropy(logits, multi_label=batches[LABELED].target.dim() > 1)
        return {"smoothing": self.weight * uniform}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "smoothing": len(batches[LABELED])}
