"""Learn from weighted means of two examples."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base import trees
from graft.base.ranges import Moderate
from graft.base.records import Batch, Batches, Output, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.mixing import mix
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.mixing import (
    MixingObjective,
    Pairs,
    draw_pairs,
    mixed_loss,
)
from graft.techniques.specs.checks import check_classes, check_vectors
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Mixup(RegularizedFineTuning):
    """Full fine-tuning on weighted means of two examples, with the labels of both.

    Pictures and sounds are mixed as the network reads them, of texts the features that enter the
    head. Or, after a `+`, the loss of such examples beside that of the plain ones, with a second
    forward for pictures and sounds.
    Formula: a L(f(x~), y_i) + (1 - a) L(f(x~), y_j), x~ = a x_i + (1 - a) x_j, a drawn from
    Beta(alpha, alpha) at each step, j another example of the batch, or of the piece of a batch.
    Source: Zhang et al.: mixup: Beyond Empirical Risk Minimization, arXiv:1710.09412; the features
    of texts: Guo, Mao, Zhang, arXiv:1905.08941.
    When: few labels and many epochs, in which the network learns the training examples by heart;
    some labels are wrong.
    When not: few epochs; classes that differ in details; a head that is solved for, which has no
    steps.
    Example: graft fit photos -t mixup:alpha=0.4
    """

    alpha: Moderate = 0.2
    """How evenly two examples are mixed: a small one leaves most as they are, 1 takes all shares
    alike."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("mixup", task)
        if backbone.preprocess.reads == "text":
            check_vectors("mixup", backbone, "'l2-sp' or 'delta'")

    def objective(self, model: Model, task: Task) -> Objective:
        is_text = model.backbone.preprocess.reads == "text"
        made = FeatureMixupObjective if is_text else MixupObjective
        return made(model, task, self.alpha)


class MixupObjective(MixingObjective):
    """The task's loss of mixed inputs."""

    def __init__(self, model: Model, task: Task, alpha: float):
        super().__init__(model, task)
        self.alpha = alpha

    def mix(self, batch: Batch) -> tuple[Batch, Pairs]:
        pairs = draw_pairs(len(batch), self.alpha)
        inputs, mask = trees.map_leaves(
            lambda tensor: mix(tensor, pairs.partners, pairs.share), (batch.inputs, batch.mask)
        )
        return replace(batch, inputs=inputs, mask=mask), pairs


class FeatureMixupObjective(Objective):
    """The task's loss of mixed features, for which the network reads no example again.

    In evaluation mode they are not mixed: a solver needs a loss that is the same at each call.
    """

    def __init__(self, model: Model, task: Task, alpha: float):
        super().__init__(model, task)
        self.alpha = alpha

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        mixed = self.extra_losses(outputs, batches, progress)
        return {"task": mixed["mixed"]} if mixed else super().losses(outputs, batches, progress)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.model.network.training:
            return {}
        batch, features = batches[LABELED], outputs[LABELED].features
        pairs = draw_pairs(len(batch), self.alpha)
        mixed = mix(features, pairs.partners.to(features.device), pairs.share)
        output = Output(self.model.classify(mixed), mixed)
        return {"mixed": mixed_loss(self.task, output, batch, pairs)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        weights = super().loss_weights(batches)
        return {**weights, "mixed": weights["task"]}
