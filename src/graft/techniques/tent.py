"""Adapt a trained network to another domain by its normalizations, so that it becomes confident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Epochs, NotNegative, Positive
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.tent import entropy_loss
from graft.techniques.norms.layers import has_normalizations, is_normalization
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.stream import UNLABELED, Stream
from graft.techniques.technique import Objective, Optimizer, Phase, Technique


@dataclass(frozen=True)
class Tent(Technique):
    """Train the scales and shifts of all normalizations towards confident predictions.

    Batch normalizations take up the statistics of the unlabeled samples too. Nothing else changes.
    Formula: min over the scales and shifts of mean over unlabeled samples of -sum_k p_k log p_k.
    Source: Wang et al.: Tent: Fully Test-Time Adaptation by Entropy Minimization, arXiv:2006.10726,
    which adapts while it predicts; here it is done once, before predictions are asked for.
    When: after a technique that has trained the network, for noise, blur or another camera; it
    needs no labels of the source any more.
    When not: a network that is mostly wrong on the new domain, which becomes sure of its errors;
    many epochs, in which all samples may end in one class.
    Example: graft fit photos --unlabeled drawings -t "full-fine-tuning then tent"
    """

    transfer: ClassVar[str] = "transductive"
    controls: ClassVar[tuple[str, ...]] = ("source-only",)
    controls_of_head: ClassVar[tuple[str, ...]] = ("source-only:trains=head",)
    can_be_added: ClassVar[bool] = False

    epochs: Epochs | None = 1
    lr: Positive | None = 1e-3
    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.0

    def streams(self) -> dict[str, Stream]:
        return {UNLABELED: Stream(("unlabeled",), labels=False)}

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_one_class("tent", task)
        if not has_normalizations(backbone):
            raise BadValue(
                f"'tent' trains normalizations, and {backbone.name} has none that it knows. Use "
                "another backbone, or 'self-training'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return TentObjective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, head=1.0) | {"views": self.views or 1}
        return [Phase("confidence", epochs, is_normalization, **rates, statistics=True)]


class TentObjective(Objective):
    """The mean entropy of the predictions for unlabeled samples."""

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        return {"entropy": entropy_loss(outputs[UNLABELED].logits)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {"entropy": len(batches[UNLABELED])}
