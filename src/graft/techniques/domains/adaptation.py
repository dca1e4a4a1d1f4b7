"""What techniques share that add a loss on unlabeled samples to fine-tuning on labeled ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.base.errors import BadValue
from graft.base.ranges import NotNegative
from graft.tasks.task import Task
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.places import everything
from graft.techniques.specs.stream import BESIDE_UNLABELED, Stream
from graft.techniques.technique import Objective, Phase, Technique


@dataclass(frozen=True)
class Adaptation(Technique):
    """Fine-tune everything on a batch of labeled samples and one without labels in each step."""

    transfer: ClassVar[str] = "transductive"
    controls: ClassVar[tuple[str, ...]] = ("source-only",)
    controls_of_head: ClassVar[tuple[str, ...]] = ("source-only:trains=head",)
    reads_features: ClassVar[bool] = False
    """Whether its loss is of the vectors that enter a linear head."""

    weight: NotNegative = 1.0
    """The weight of the loss on the unlabeled samples; 0 is plain fine-tuning."""

    def streams(self) -> dict[str, Stream]:
        return BESIDE_UNLABELED

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for several labels, and for a head that the loss cannot read."""
        super().check(backbone, task)
        name = plugins.name_of(type(self))
        check_one_class(name, task)
        if self.reads_features and (backbone.linear is None or backbone.form != "vector"):
            raise BadValue(
                f"{name!r} compares the vectors that enter a linear head, and {backbone.name} has "
                "none. Use another head or backbone, or 'mcc', which compares predictions."
            )

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("adaptation", epochs, everything, **self.rates(model, epochs=epochs))]


class AdaptationObjective(Objective):
    """The task's loss, and one on the unlabeled samples by the settings of the technique."""

    def __init__(self, model: Model, task: Task, settings: Adaptation):
        super().__init__(model, task)
        self.settings = settings
