"""The class whose mean is nearest."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.tasks.task import Task
from graft.techniques.specs.candidates import SolvedHead
from graft.techniques.specs.checks import check_classes
from graft.techniques.specs.places import head_only
from graft.techniques.technique import Objective, Phase, Technique


@dataclass(frozen=True)
class NearestPrototypes(Technique):
    """Freeze the network, and give an example the class to whose mean its features are nearest.

    Formula: p(k | x) = softmax_k(-|f(x) - c_k|^2 / t), c_k the mean of f over the training examples
    of class k: a linear head with w_k = 2 c_k / t and b_k = -|c_k|^2 / t. Nothing is stepped; the
    temperature t is chosen by validation loss. Of several labels, each class has two means, of the
    examples with it and of those without. Rates and epochs have no effect.
    Source: Snell et al.: Prototypical Networks for Few-shot Learning, arXiv:1703.05175, without
    their training of f.
    When: one to a dozen labels a class, many classes, classes that come later; in a moment.
    When not: some dozen labels a class and more, where feature-extraction learns which features
    matter.
    Example: graft fit photos -t nearest-prototypes --shots 4
    """

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        check_classes("nearest-prototypes", task)
        head = backbone.linear
        if head is None or head.bias is None:
            raise BadValue(
                "'nearest-prototypes' writes the means into a head that is one linear layer "
                f"with biases, and that of {backbone.name} is another. Use 'feature-extraction'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue where `check` does."""
        self.check(model.backbone, task)
        return Objective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        passes = 2  # one for the means, one at least for the temperature
        return [
            Phase(
                "prototypes",
                passes,
                head_only,
                **{**self.rates(model), "views": 1},
                candidates=SolvedHead("prototypes"),
            )
        ]
