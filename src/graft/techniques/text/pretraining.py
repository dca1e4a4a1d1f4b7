"""What techniques that continue pretraining share: a language model around the trunk of a model."""

from __future__ import annotations

from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batches, Outputs
from graft.tasks.pretexts.pretext import Pretext
from graft.techniques.specs.stream import TEXTS, Stream
from graft.techniques.technique import Objective, Phase

PASSAGES = {TEXTS: Stream(("train", "unlabeled"), labels=False, passages=True)}
"""The texts of the training split, and those without labels."""


class Pretraining(Objective):
    """The loss of the pretext task.

    `model` is the language model; the `given` one goes on with the trunk they share.
    """

    def __init__(self, given: Model, language: Model, pretext: Pretext, loss_name: str):
        super().__init__(language, pretext)
        self.given = given
        self.loss_name = loss_name

    def begin(self, phase: Phase) -> None:
        """The given model's own layers, its head, stay as they are."""
        shared = {id(parameter) for parameter in self.model.parameters()}
        for parameter in self.given.parameters():
            if id(parameter) not in shared:
                parameter.requires_grad_(False)

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        pretext = self.task.loss(outputs[TEXTS], batches[TEXTS])
        return {self.loss_name: pretext, **self.extra_losses(outputs, batches, progress)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {self.loss_name: self.task.loss_weight(batches[TEXTS])}

    def finish(self) -> Model:
        return self.given
