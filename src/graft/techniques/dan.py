"""Adapt to unlabeled samples of another domain: features of both have the same distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.formulas.mmd import mmd
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Dan(Adaptation):
    """Full fine-tuning with a penalty on the maximum mean discrepancy of features and outputs.

    Or, after a `+`, the penalty alone, in a technique that trains more than the head.
    Formula: L(task) + weight (MMD(f_s, f_t) + MMD(z_s, z_t)), f the features that enter the head, z
    its outputs, MMD the squared discrepancy under five Gaussian kernels whose bandwidths are 1/4 to
    4 times the median squared distance in the batch.
    Source: Long et al.: Learning Transferable Features with Deep Adaptation Networks,
    arXiv:1502.02791, with equal weights of the kernels.
    When: beside `deep-coral`, where more than the covariances differ.
    When not: as the first to try: chosen without labels of the target it may collapse (SKADA-Bench,
    arXiv:2407.11676); classes that are more frequent in one of the domains.
    Example: graft fit photos --unlabeled drawings -t dan
    """

    reads_features: ClassVar[bool] = True

    def objective(self, model: Model, task: Task) -> Objective:
        return DanObjective(model, task, self)


class DanObjective(AdaptationObjective):
    """The task's loss and the discrepancy of both domains' features and outputs."""

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        source, target = outputs[LABELED], outputs[UNLABELED]
        discrepancy = mmd(source.features, target.features) + mmd(source.logits, target.logits)
        return {"mmd": self.settings.weight * discrepancy}
