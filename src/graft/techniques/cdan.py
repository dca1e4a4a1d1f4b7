"""Adapt to unlabeled samples: features and classes together do not separate the domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.ranges import Count
from graft.base.records import Batches, Output, Outputs
from graft.tasks.task import Task
from graft.techniques.domains.adaptation import Adaptation, AdaptationObjective
from graft.techniques.domains.classifier import domain_classifier
from graft.techniques.formulas.cdan import entropy_weights, multilinear_map
from graft.techniques.formulas.domain_loss import domain_loss
from graft.techniques.formulas.gradient_reversal import reversal_strength, reverse_gradient
from graft.techniques.specs.stream import LABELED, UNLABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Cdan(Adaptation):
    """Full fine-tuning against a network that separates the domains by features and classes.

    Or, after a `+`, its loss alone, in a technique that trains more than the head.
    Formula: L(task) + weight L_d(g(R(f) x p)), f x p the products of the features f that enter the
    head with the predicted probabilities p, g a domain classifier with two hidden layers, L_d its
    cross-entropy, in which confident samples have the weight 1 + exp(-H(p)). R turns the gradient
    into -s times it, s = 2 / (1 + exp(-10 p)) - 1 with the progress p of the phase.
    Source: Long et al.: Conditional Adversarial Domain Adaptation, arXiv:1705.10667 (CDAN+E).
    When: as `dann`, with several classes, each of which looks different in the new domain.
    When not: hundreds of classes, whose products with the features are many; few samples; a frozen
    network, whose features no loss can change.
    Example: graft fit photos --unlabeled drawings -t cdan
    """

    reads_features: ClassVar[bool] = True

    hidden: Count = 256
    """The width of the hidden layers of the domain classifier."""

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        self.check(model.backbone, task)
        return CdanObjective(model, task, self)


class CdanObjective(AdaptationObjective):
    """The task's loss and that of a domain classifier of features and classes."""

    def __init__(self, model: Model, task: Task, settings: Cdan):
        super().__init__(model, task, settings)
        head = model.backbone.linear
        self.classifier = domain_classifier(head.in_features * head.out_features, settings.hidden)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        strength = reversal_strength(progress)
        source, target = outputs[LABELED], outputs[UNLABELED]
        logits = (self._logits(output, strength) for output in (source, target))
        weights = (entropy_weights(output.logits) for output in (source, target))
        return {"domain": self.settings.weight * domain_loss(*logits, *weights)}

    def _logits(self, output: Output, strength: float) -> Tensor:
        features = reverse_gradient(output.features, strength)
        return self.classifier(multilinear_map(features, output.logits)).squeeze(1)
