"""Few labels, many unlabeled samples: predictions for weak views are the labels of strong ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import NotNegative, PartialShare, Positive
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.fixmatch import fixmatch
from graft.techniques.formulas.pseudo_labels import pseudo_labels
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.specs.stream import LABELED, Stream
from graft.techniques.technique import Objective

WEAK, STRONG = "weak", "strong"


@dataclass(frozen=True)
class Fixmatch(FineTuning):
    """Fine-tuning in which confident predictions are the labels of other views of the sample.

    Formula: L(task) + weight mean over unlabeled n of 1[max q_n >= threshold] (-log p_n[argmax
    q_n]), q what is predicted for a weakly augmented view of n, without a gradient, p for a
    strongly augmented one.
    Source: Sohn et al.: FixMatch, arXiv:2001.07685; seven unlabeled samples for each labeled one
    there, and hundreds of thousands of steps.
    When: some labels a class, many more pictures or sounds without, all of the same classes.
    When not: texts, which are not augmented; less than twice as many unlabeled samples as labels;
    unlabeled samples of other classes.
    Example: graft fit photos --unlabeled more_photos -t fixmatch
    """

    controls: ClassVar[tuple[str, ...]] = ("source-only",)
    controls_of_head: ClassVar[tuple[str, ...]] = ("source-only:trains=head",)

    threshold: PartialShare = 0.95
    """How probable a prediction must be to serve as a label."""
    weight: NotNegative = 1.0
    """The weight of the unlabeled samples; 0 is plain fine-tuning."""
    ratio: Positive = 2.0
    """Unlabeled samples in a step for each labeled one."""

    def streams(self) -> dict[str, Stream]:
        return {
            LABELED: Stream(),
            WEAK: Stream(("unlabeled",), labels=False, augment="weak", share=self.ratio),
            STRONG: Stream(
                ("unlabeled",), labels=False, augment="strong", share=self.ratio, rows_of=WEAK
            ),
        }

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("fixmatch", task)
        if backbone.preprocess.reads == "text":
            raise BadValue(
                f"'fixmatch' needs two views of a sample, and {task.name} reads texts, which are "
                "not augmented. Use 'masked-language-modeling then full-fine-tuning'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return FixmatchObjective(model, task, self.threshold, self.weight)


class FixmatchObjective(Objective):
    """The task's loss and that of confident predictions as labels."""

    def __init__(self, model: Model, task: Task, threshold: float, weight: float):
        super().__init__(model, task)
        self.threshold, self.weight = threshold, weight
        self.register_buffer("num_used", torch.tensor(0))

    def outputs(self, batches: Batches) -> Outputs:
        with torch.no_grad():
            weak = self.model(batches[WEAK])
        return {WEAK: weak, **{n: self.model(b) for n, b in batches.items() if n != WEAK}}

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        weak, strong = outputs[WEAK].logits, outputs[STRONG].logits
        self.num_used += pseudo_labels(weak, self.threshold)[1].sum()
        return {"unlabeled": self.weight * fixmatch(weak, strong, self.threshold)}

    def notes(self) -> list[str]:
        """Say that no prediction served as a label, if that is so."""
        if self.num_used:
            return []
        return [
            f"No prediction for a sample without labels reached {self.threshold:g}, so fixmatch "
            "learned nothing from them: this was training on the labels alone. Lower the "
            "threshold, 'fixmatch:threshold=...', or train for more epochs."
        ]

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "unlabeled": len(batches[WEAK])}
