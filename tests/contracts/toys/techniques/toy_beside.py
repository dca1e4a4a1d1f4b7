"""A toy technique that draws from two streams: one file is all it takes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.places import from_group
from graft.techniques.specs.stream import LABELED, Stream
from graft.techniques.technique import Objective, Phase, Technique

BESIDE = "beside"


@dataclass(frozen=True)
class ToyBeside(Technique):
    """Train the last layers, with small outputs for samples without labels.

    Formula: L(task) + weight * mean of the squared outputs for unlabeled samples.
    Source: none.
    When: in a test of Graft.
    When not: elsewhere.
    """

    weight: float = 0.01

    def streams(self) -> dict[str, Stream]:
        return {LABELED: Stream(), BESIDE: Stream(("unlabeled",), labels=False, share=0.5)}

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("toy-beside", task)

    def objective(self, model: Model, task: Task) -> Objective:
        return SmallOutputs(model, task, self.weight)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        last = from_group(len(model.backbone.groups) - 2)
        return [Phase("fine-tuning", epochs, last, **(self.rates(model) | {"views": 2}))]


class SmallOutputs(Objective):
    """The task's loss and the squared outputs for the other stream."""

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        return {"small": self.weight * outputs[BESIDE].logits.float().square().mean()}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "small": len(batches[BESIDE])}
