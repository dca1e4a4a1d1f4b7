"""Adapt to unlabeled samples: a second head cannot disagree with the first on the target alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.ranges import Count, Positive
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.gradient_reversal import reversal_strength, reverse_gradient
from graft.techniques.formulas.mdd import margin_disparity
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Mdd(Adaptation):
    """Full fine-tuning against a second classifier that disagrees on the new domain alone.

    Or, after a `+`, its loss alone, in a technique that trains more than the head.
    Formula: L(task) + weight D(R(f)), D = -margin mean_s log p'_h - mean_t log(1 - p'_h), p' the
    second classifier, h the class that the head predicts: p' agrees with it on the labeled samples
    (s) and disagrees on the unlabeled ones (t). R turns the gradient of the features f into -r
    times it, r = 2 / (1 + exp(-10 q)) - 1 with the progress q of the phase.
    Source: Zhang et al.: Bridging Theory and Algorithm for Domain Adaptation, arXiv:1904.05801.
    When: beside others, where there are many samples and much time.
    When not: as the first to try: chosen without labels of the target it was worse than no
    adaptation on most pairs (SKADA-Bench, arXiv:2407.11676); a frozen network.
    Example: graft fit photos --unlabeled drawings -t mdd
    """

    reads_features: ClassVar[bool] = True

    margin: Positive = 4.0
    """How much agreement on the labeled samples counts."""
    hidden: Count = 256
    """The width of the hidden layer of the second classifier."""

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        self.check(model.backbone, task)
        return MddObjective(model, task, self)


class MddObjective(AdaptationObjective):
    """The task's loss and the disparity of a second classifier behind a reversed gradient."""

    def __init__(self, model: Model, task: Task, settings: Mdd):
        super().__init__(model, task, settings)
        head = model.backbone.linear
        self.adversary = nn.Sequential(
            nn.Linear(head.in_features, settings.hidden),
            nn.ReLU(),
            nn.Linear(settings.hidden, head.out_features),
        )

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        strength = reversal_strength(progress)
        source, target = outputs[LABELED], outputs[UNLABELED]
        against = [
            self.adversary(reverse_gradient(output.features, strength))
            for output in (source, target)
        ]
        disparity = margin_disparity(
            source.logits, against[0], target.logits, against[1], self.settings.margin
        )
        return {"disparity": self.settings.weight * disparity}
