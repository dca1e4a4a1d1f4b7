"""Layer groups join the training one after the other, from the head down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Model
from graft.base.ranges import Count, Positive
from graft.techniques.specs.places import from_group, head_only
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class GradualUnfreezing(Technique):
    """Train the head, then unfreeze the layer groups from the last to the first in `stages` steps.

    Formula: phase i trains groups k_i.., k_0 > k_1 > ... > k_n = 0, each from the weights of the
    phase before.
    Source: Howard, Ruder: ULMFiT, arXiv:1801.06146.
    When: few labels and a network that forgets quickly; with `layer_decay` below 1 as in the paper.
    When not: little time: several phases share one budget.
    Example: graft fit reviews.csv -t gradual-unfreezing:stages=2
    """

    about_head: ClassVar[bool] = True

    layer_decay: Positive = 0.8
    stages: Count = 3
    """The number of steps in which the layer groups are unfrozen, after the head has been
    trained."""

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        count = len(model.backbone.groups) - 1
        stages = min(self.stages, count)
        cuts = [round(count * (stages - i) / stages) for i in range(1, stages + 1)]
        share = epochs / (stages + 1)
        rates = self.rates(model)
        head = Phase("head", share, head_only, **rates)
        return [
            head,
            *(Phase(f"from group {cut}", share, from_group(cut), **rates) for cut in cuts),
        ]
