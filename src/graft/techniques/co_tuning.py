"""Learn the classes that the network was pretrained on beside those of the task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model, evaluating
from graft.backbones.beside import under_own_head
from graft.base.errors import BackboneError, BadValue
from graft.base.ranges import Moderate, NotNegative
from graft.base.records import Batch, Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.co_tuning import class_relation, co_tuning
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.specs.checks import check_one_class
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import HowOften, Look, Objective


@dataclass(frozen=True)
class CoTuning(RegularizedFineTuning):
    """Full fine-tuning in which the pretrained head must also tell what it told of each class.

    Or, after a `+`, its loss alone. The relation of the classes to those of the pretraining is
    found before the first epoch, by one pass over the training split, and is the direct one of the
    paper; the pretrained head stays as it is, and is dropped.
    Formula: L(task) + weight mean over n of - sum over s of p(s | y_n) log q_n(s), q what the
    pretrained head gives of the features; p(s | y) = the mean of softmax(logits / temperature) over
    the training examples of the class y, before the training.
    Source: You et al.: Co-Tuning for Transfer Learning, NeurIPS 2020. There the head trains too.
    When: few labels a class, and classes that are like those of the pretraining, as kinds of birds
    are like those of ImageNet.
    When not: networks that come without their head, such as sentence encoders; data unlike those
    of the pretraining, of which the head tells nothing.
    Example: graft fit photos -b efficientnet-lite0 -t co-tuning
    """

    reads_vectors: ClassVar[bool] = True

    weight: NotNegative = 2.3
    """The weight of the second loss, that of the paper; 0 is plain fine-tuning."""
    temperature: Moderate = 1.0
    """By what the logits of the pretrained head are divided in the relation, so that its
    probabilities are calibrated: above 1 for a network that is too sure."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also if the pretrained head is unknown or reads other features."""
        super().check(backbone, task)
        check_one_class("co-tuning", task)
        self.source(backbone, task)

    def source(self, backbone: Backbone, task: Task) -> Model:
        """Return the network under its pretrained head; raises BadValue if there is none."""
        try:
            whole = under_own_head(backbone, replace(task.job(), outputs=None))
        except BackboneError as reason:
            raise BadValue(f"'co-tuning' needs the pretrained head. {reason}") from reason
        if whole.head != backbone.head or not _is_chain(Model(whole)):
            raise BadValue(
                f"'co-tuning' gives the features of the task's head to the pretrained head of "
                f"{backbone.name}, which reads others. Use the task's default head, or 'delta'."
            )
        return Model(whole)

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        return CoTuningObjective(model, task, self)


class CoTuningObjective(Objective):
    """The task's loss, and that of the pretrained head against the relation of the classes."""

    references = ("source_head",)
    read_again = ("source_head",)

    looks: ClassVar[dict[str, HowOften]] = {LABELED: "once"}

    def __init__(self, model: Model, task: Task, settings: CoTuning):
        super().__init__(model, task)
        self.settings = settings
        source = settings.source(model.backbone, task)
        network, backbone = source.network, source.backbone
        self.source_head = nn.ModuleList(map(network.get_submodule, backbone.head))
        self.source_head.requires_grad_(False)
        # Not registered: its trunk is that of the model, which is registered already.
        self.__dict__["source_model"] = source
        num_source = network.get_submodule(backbone.last_linear).out_features
        self.register_buffer("relation", torch.zeros(len(task.classes), num_source))
        self.register_buffer("is_known", torch.tensor(False))

    def before_epoch(self, look: Look) -> None:
        """Find the relation before the first epoch."""
        if self.is_known or not self.settings.weight:
            return
        probabilities, labels = [], []
        for batch, output in look(LABELED):
            logits = self.source_logits(output.features).float() / self.settings.temperature
            probabilities.append(logits.softmax(1))
            labels.append(batch.target)
        relation = class_relation(torch.cat(probabilities), torch.cat(labels), len(self.relation))
        self.relation.copy_(relation)
        self.is_known.fill_(True)

    def source_logits(self, features: Tensor) -> Tensor:
        """The logits (B, S) of the pretrained head for features (B, D), without dropout.

        Outside of autocast, as before an epoch, features may have a lower precision.
        """
        weight = next(self.source_head.parameters())
        with evaluating(self.source_head):
            return self.source_model.classify(features.to(weight.dtype))

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.settings.weight:
            return {}
        logits = self.source_logits(outputs[LABELED].features)
        loss = co_tuning(logits, self.relation, batches[LABELED].target)
        return {"relation": self.settings.weight * loss}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "relation": len(batches[LABELED])}


def _is_chain(source: Model) -> bool:
    """Whether the modules of the head in turn give the logits for what enters the first of them."""
    like = next(source.network.parameters())
    inputs = {
        name: tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in source.backbone.preprocess.example().items()
    }
    with evaluating(source), torch.no_grad():
        output = source(Batch(inputs, mask=source.backbone.preprocess.mask(inputs)))
        return torch.allclose(source.classify(output.features), output.logits, atol=1e-4)
