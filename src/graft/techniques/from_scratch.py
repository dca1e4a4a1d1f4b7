"""The control: no transfer at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from graft.backbones.backbone import Model
from graft.base.ranges import NotNegative
from graft.tasks.task import Task
from graft.techniques.specs.places import everything
from graft.techniques.technique import Objective, Optimizer, Phase, Technique


@dataclass(frozen=True)
class FromScratch(Technique):
    """Train the same architecture from random weights: the control of every transfer.

    Formula: min over all weights of L(task), weights drawn by the architecture's own
    initialization.
    Source: He, Girshick, Dollár: Rethinking ImageNet Pre-training, arXiv:1811.08883.
    When: as the control; with plenty of labeled data far from what the network was pretrained on.
    When not: with few labels: expect it to lose.
    Example: graft fit photos -t from-scratch
    """

    pretrained: ClassVar[bool] = False
    control_words: ClassVar[str] = "training from scratch"
    control_lacks: ClassVar[str] = "what the network learned elsewhere"

    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.05
    batch_norm: Literal["frozen", "updated"] = "updated"

    def objective(self, model: Model, task: Task) -> Objective:
        for module in model.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                # Pretrained networks move their statistics slowly (0.01); from random weights they
                # would never arrive.
                module.momentum = 0.1
        return Objective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("training", epochs, everything, **self.rates(model, body=4.0, head=1.0))]
