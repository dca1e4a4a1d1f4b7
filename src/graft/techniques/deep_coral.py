"""Adapt to unlabeled samples of another domain: covariances of the outputs become alike."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.coral import coral
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class DeepCoral(Adaptation):
    """Full fine-tuning with a penalty on the distance between the domains' covariances.

    Or, after a `+`, the penalty alone, as in `feature-extraction + deep-coral`, which takes seconds
    on recorded features.
    Formula: L(task) + weight |C_s - C_t|_F^2 / (4 K^2), C the covariances (K, K) of the K outputs
    of the head, over a batch of labeled samples (source) and one of unlabeled samples (target).
    Source: Sun and Saenko: Deep CORAL, arXiv:1607.01719, which takes the last layer, too.
    When: labels in one domain, samples without labels of another one with the same classes.
    When not: classes that are more frequent in one of the domains, since the penalty makes them
    equally frequent in the outputs; domains that differ little: compare it with `source-only`.
    Example: graft fit photos --unlabeled drawings -t deep-coral
    """

    def objective(self, model: Model, task: Task) -> Objective:
        return CoralObjective(model, task, self)


class CoralObjective(AdaptationObjective):
    """The task's loss and the distance between the covariances of both domains' outputs."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        distance = coral(outputs[LABELED].logits, outputs[UNLABELED].logits)
        return {"coral": self.settings.weight * distance}
