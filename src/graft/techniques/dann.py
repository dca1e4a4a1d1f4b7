"""Adapt to unlabeled samples of another domain: features that do not separate the domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Count
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.domains.classifier import domain_classifier
from graft.techniques.formulas.domain_loss import domain_loss
from graft.techniques.formulas.gradient_reversal import reversal_strength, reverse_gradient
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Dann(Adaptation):
    """Full fine-tuning against a network that learns to separate the two domains.

    Or, after a `+`, its loss alone, in a technique that trains more than the head.
    Formula: L(task) + weight L_d(g(R(f))), f the features that enter the head, g a domain
    classifier with two hidden layers, L_d its cross-entropy. R leaves f as it is, and turns its
    gradient into -s times it: g learns to separate the domains, f to be of no use to it. s = 2 / (1
    + exp(-10 p)) - 1 rises with the progress p of the phase.
    Source: Ganin et al.: Domain-Adversarial Training of Neural Networks, arXiv:1505.07818.
    When: labels in one domain, thousands of samples without labels of another one with the same
    classes; networks that are trained for many epochs.
    When not: few samples, on which g learns nothing; classes that are more frequent in one of the
    domains; a frozen network, whose features no loss can change.
    Example: graft fit photos --unlabeled drawings -t dann
    """

    reads_features: ClassVar[bool] = True

    hidden: Count = 256
    """The width of the hidden layers of the domain classifier."""

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        self.check(model.backbone, task)
        return DannObjective(model, task, self)


class DannObjective(AdaptationObjective):
    """The task's loss and that of a domain classifier behind a reversed gradient."""

    def __init__(self, model: Model, task: Task, settings: Dann):
        super().__init__(model, task, settings)
        self.classifier = domain_classifier(model.backbone.linear.in_features, settings.hidden)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        strength = reversal_strength(progress)
        source, target = (
            self.classifier(reverse_gradient(outputs[name].features, strength)).squeeze(1)
            for name in (LABELED, UNLABELED)
        )
        return {"domain": self.settings.weight * domain_loss(source, target)}
