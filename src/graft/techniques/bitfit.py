"""Only the biases train."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import NotNegative
from graft.tasks.task import Task
from graft.techniques.specs.places import Place
from graft.techniques.technique import Optimizer, Phase, Technique


@dataclass(frozen=True)
class Bitfit(Technique):
    """Train the bias terms and the head, freeze every weight matrix.

    Formula: min over b and the head of L(task), all W frozen; about 0.1 % of the parameters.
    Source: Ben-Zaken et al.: BitFit, arXiv:2106.10199.
    When: many tasks on one network, little memory for optimizer state; few labels.
    When not: networks without biases (Llama types); data far from the pretraining data.
    Example: graft fit reviews.csv -t bitfit
    """

    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.0

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        if not task.fresh_head and not any(
            _is_bias(name) for name, _ in backbone.network.named_parameters()
        ):
            raise BadValue(
                f"'bitfit' trains biases, and {backbone.name} "
                "has none. Use lora or full-fine-tuning."
            )

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        def biases(place: Place) -> bool:
            return place.group == -1 or _is_bias(place.name)

        return [Phase("fine-tuning", epochs, biases, **self.rates(model, body=10.0, head=1.0))]


def _is_bias(name: str) -> bool:
    return name.endswith("bias")
