"""Adapt a trained network to another domain by the statistics of its batch normalizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.tent import entropy_loss
from graft.techniques.norms.layers import batch_norms
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.places import nothing
from graft.techniques.specs.stream import UNLABELED, Stream
from graft.techniques.technique import Look, Objective, Phase, Technique


@dataclass(frozen=True)
class Adabn(Technique):
    """Replace the statistics of all batch normalizations by those of the unlabeled samples.

    No weight changes.
    Formula: the mean and variance of each channel are the means, over the batches of one pass, of
    those within a batch. Shown as a loss is the mean entropy of the predictions, which is not
    minimized.
    Source: Li et al.: Revisiting Batch Normalization For Practical Domain Adaptation,
    arXiv:1603.04779.
    When: after a technique that has trained the network, for pictures of another camera, light or
    style; it costs one pass, and needs no labels of the source any more.
    When not: networks without batch normalization, such as transformers; classes that are more
    frequent in one of the domains.
    Example: graft fit photos --unlabeled drawings -t "full-fine-tuning then adabn"
    """

    transfer: ClassVar[str] = "transductive"
    controls: ClassVar[tuple[str, ...]] = ("source-only",)
    controls_of_head: ClassVar[tuple[str, ...]] = ("source-only:trains=head",)
    can_be_added: ClassVar[bool] = False

    def streams(self) -> dict[str, Stream]:
        return {UNLABELED: Stream(("unlabeled",), labels=False)}

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("adabn", task)
        if not batch_norms(backbone.network):
            raise BadValue(
                f"'adabn' needs batch normalizations, and {backbone.name} has none. Use a network "
                "that has some, such as efficientnet-lite0, or 'tent'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return AdabnObjective(model, task)

    def own_epochs(self, model: Model) -> float:
        """One pass, in which the statistics are taken up."""
        return 1.0

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model) | {"views": 1}
        return [Phase("statistics", 1.0, nothing, **rates, statistics=True)]


class AdabnObjective(Objective):
    """The mean entropy of the predictions, while batch normalizations take up statistics."""

    def __init__(self, model: Model, task: Task):
        super().__init__(model, task)
        self.norms = batch_norms(model.network)
        self.momenta = [norm.momentum for norm in self.norms]

    def begin(self, phase: Phase) -> None:
        for norm in self.norms:
            norm.momentum = None  # a plain mean over all batches

    def before_epoch(self, look: Look) -> None:
        for norm in self.norms:
            norm.reset_running_stats()

    def outputs(self, batches: Batches) -> Outputs:
        with torch.no_grad():
            return super().outputs(batches)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        return {"entropy": entropy_loss(outputs[UNLABELED].logits)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {}

    def finish(self) -> Model:
        for norm, momentum in zip(self.norms, self.momenta, strict=True):
            norm.momentum = momentum
        return self.model
