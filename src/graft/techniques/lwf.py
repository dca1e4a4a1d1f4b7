"""Learn without forgetting: keep what the pretrained head says of the new examples."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import Moderate, NotNegative
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.distillation import distillation
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.source.old_head import OldHead, open_old_head
from graft.techniques.specs.stream import LABELED
from graft.techniques.teachers.objective import TaughtObjective
from graft.techniques.teachers.teacher import SELF
from graft.techniques.technique import Objective

NAME = "lwf"


@dataclass(frozen=True)
class Lwf(RegularizedFineTuning):
    """Full fine-tuning that keeps what the pretrained head says of the new examples (LwF).

    Or, after a `+`, this loss alone. No example of the pretraining is needed.
    Formula: L(task) + weight T^2 KL(softmax(z_0 / T) || softmax(z / T)), z what the pretrained head
    makes of the features of an example, z_0 what it made of them at the start, T the temperature.
    The features at the start are computed once if the versions of an example come back, as with
    `views`.
    Source: Li and Hoiem: Learning without Forgetting, arXiv:1606.09282. There, the pretrained head
    learns too; here it stays, so that it can be used as it was.
    When: the network must still know its old classes, and no examples of them are at hand.
    When not: the new examples are unlike those of the pretraining, of which the old head says
    little; examples of the pretraining are there: use replay.
    Example: graft fit photos -t lwf:weight=2
    """

    temperature: Moderate = 2.0
    """What logits are divided by: high ones show how the old head ranks the wrong classes."""
    weight: NotNegative = 1.0
    """The weight of the old head beside the labels; 0 is plain fine-tuning."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for a network whose pretrained head is not known."""
        super().check(backbone, task)
        open_old_head(backbone, NAME)

    def objective(self, model: Model, task: Task) -> Objective:
        return LwfObjective(model, task, self)


class LwfObjective(TaughtObjective):
    """The task's loss, and the divergence of the old head from what it said at the start."""

    references = ("teacher", "old_head")
    read_again = ("old_head",)

    def __init__(self, model: Model, task: Task, settings: Lwf):
        super().__init__(model, task, SELF)
        self.settings = settings
        self.old_head = OldHead(model.backbone, NAME)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.settings.weight:
            return {}
        start = self.old_head(self.teach(batches[LABELED]).features)
        now = self.old_head(outputs[LABELED].features)
        loss = distillation(now, start, self.settings.temperature, independent=False)
        return {"old classes": self.settings.weight * loss}
