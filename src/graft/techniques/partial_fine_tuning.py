"""The last layer groups train."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.backbone import Backbone, Model
from graft.tasks.task import Task
from graft.techniques.specs.places import check_group, from_group, group_number
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class PartialFineTuning(Technique):
    """Freeze the first layer groups, train the rest.

    `from_group` is the first that trains; a negative number counts from the head.

    Formula: min over the weights of groups k.. and the head of L(task), groups ..k-1 frozen.
    Source: Yosinski et al.: How transferable are features in deep neural networks?,
    arXiv:1411.1792.
    When: between feature extraction and full fine-tuning, in data and in time.
    When not: images or texts whose low-level form differs (sketches, X-rays): let the first groups
    train too.
    Example: graft fit photos -t partial-fine-tuning:from_group=-3
    """

    from_group: int = -2
    """The first layer group that trains; a negative number counts from the head."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a layer group that there is not."""
        super().check(backbone, task)
        check_group(backbone, self.from_group, "partial-fine-tuning")

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        first = group_number(model, self.from_group, "partial-fine-tuning")
        return [Phase("fine-tuning", epochs, from_group(first), **self.rates(model, epochs=epochs))]
