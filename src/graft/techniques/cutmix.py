"""Learn from pictures with a box of another picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Moderate, Share
from graft.base.records import Batch
from graft.tasks.task import Task
from graft.techniques.formulas.mixing import cut_box, paste
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.mixing import MixingObjective, Pairs, draw_pairs
from graft.techniques.specs.checks import check_classes
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Cutmix(RegularizedFineTuning):
    """Full fine-tuning on pictures with a box of another one, with the labels of both.

    Or, after a `+`, the loss of such pictures beside that of the plain ones, in a second forward.
    Formula: a L(f(x~), y_i) + (1 - a) L(f(x~), y_j), x~ = M x_i + (1 - M) x_j, M 0 in a box of the
    share 1 - a' of the picture, around a point drawn in it, a' drawn from Beta(alpha, alpha) at
    each step, a the share of M that is left at the rim; j another picture of the batch, or of the
    piece of a batch.
    Source: Yun et al.: CutMix, arXiv:1905.04899, in each step for ImageNet, in half of them for
    CIFAR.
    When: few pictures and many epochs; objects that a part of them shows.
    When not: few epochs; pictures whose class lies in one place, which the box may hide; texts and
    sounds.
    Example: graft fit photos -t cutmix:probability=1
    """

    alpha: Moderate = 1.0
    """How even the shares are: 1 takes all alike, a small one almost all or nothing."""
    probability: Share = 0.5
    """In which share of the steps pictures are mixed; 0 is plain fine-tuning."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("cutmix", task)
        if backbone.preprocess.reads != "image":
            raise BadValue(
                f"'cutmix' cuts boxes out of pictures, and {task.name} reads "
                f"{backbone.preprocess.reads}. Use 'mixup' or 'label-smoothing'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return CutmixObjective(model, task, self.alpha, self.probability)


class CutmixObjective(MixingObjective):
    """The task's loss of pictures with a box of another one."""

    def __init__(self, model: Model, task: Task, alpha: float, probability: float):
        super().__init__(model, task)
        self.alpha, self.probability = alpha, probability

    def mix(self, batch: Batch) -> tuple[Batch, Pairs]:
        if not self.probability or torch.rand(()) >= self.probability:
            return batch, Pairs(torch.arange(len(batch)), 1.0)
        name = self.model.backbone.preprocess.input_name
        pictures, pairs = batch.inputs[name], draw_pairs(len(batch), self.alpha)
        box = cut_box(*pictures.shape[-2:], pairs.share, tuple(torch.rand(2).tolist()))
        mixed, share = paste(pictures, pairs.partners, box)
        return replace(batch, inputs={**batch.inputs, name: mixed}), Pairs(pairs.partners, share)
