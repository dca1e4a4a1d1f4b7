"""Adapt to unlabeled samples of another domain: predictions that are confident and diverse."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.bnm import nuclear_norm_loss
from graft.techniques.specs.stream import UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Bnm(Adaptation):
    """Full fine-tuning that maximizes the nuclear norm of the predictions for unlabeled samples.

    Or, after a `+`, this loss alone, as in `feature-extraction + bnm`, which takes seconds on
    recorded features.
    Formula: L(task) - weight |P|_* / N, P the N predictions of a batch as rows, |P|_* the sum of
    its singular values: large if each is confident and all classes occur.
    Source: Cui et al.: Towards Discriminability and Diversity: Batch Nuclear-Norm Maximization,
    arXiv:2003.12237.
    When: classes that are about equally frequent, and fewer classes than samples in a batch.
    When not: rare classes, which it makes too frequent; a network that is mostly wrong on the new
    domain.
    Example: graft fit photos --unlabeled drawings -t bnm
    """

    def objective(self, model: Model, task: Task) -> Objective:
        return BnmObjective(model, task, self)


class BnmObjective(AdaptationObjective):
    """The task's loss, less the nuclear norm of the predictions for unlabeled samples."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        return {"nuclear": self.settings.weight * nuclear_norm_loss(outputs[UNLABELED].logits)}
