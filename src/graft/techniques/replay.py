"""Rehearse samples of what the network was pretrained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BackboneError, BadValue
from graft.base.ranges import NotNegative, Positive
from graft.base.records import Batches, Outputs
from graft.tasks.pretexts.source_task import SourceTask, open_source_task
from graft.tasks.task import Task
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.mixing import is_recorded
from graft.techniques.specs.stream import REHEARSED, Stream, beside_rehearsed
from graft.techniques.technique import Objective

NAME = "replay"


@dataclass(frozen=True)
class Replay(RegularizedFineTuning):
    """Full fine-tuning with samples of what the network was pretrained on in each step.

    Or, after a `+`, these samples beside any other training. They are those of the splits of
    `--forgetting PATH` that are not measured (without splits, the other half; copies of measured
    ones are left out), under the pretrained head and its loss: classes of pictures, masked tokens
    of texts, or the next ones.
    Formula: L(task) + weight L(source), L(source) the mean loss of the pretrained head on as many
    samples of its own as `share` says for each new one.
    Source: Robins: Catastrophic forgetting, rehearsal and pseudorehearsal, Connection Science 7,
    1995; Rolnick et al.: Experience Replay for Continual Learning, arXiv:1811.11682.
    When: the network must still do what it did, and samples of that are at hand.
    When not: there are none: use lwf or ewc; or few, which are then learned by heart. A step takes
    as much longer as there are more samples in it.
    Example: graft fit photos -t replay:share=0.5 --forgetting imagenet-samples
    """

    share: Positive = 1.0
    """The samples that are rehearsed for each new one."""
    weight: NotNegative = 1.0
    """The weight of their loss; 0 is plain fine-tuning."""

    def streams(self) -> dict[str, Stream]:
        return beside_rehearsed(self.share)

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for sounds, and if the pretrained head is not known."""
        super().check(backbone, task)
        _open(backbone)

    def objective(self, model: Model, task: Task) -> Objective:
        return ReplayObjective(model, task, self.weight)


class ReplayObjective(Objective):
    """The task's loss, and that of the pretrained head on samples of its own.

    On recorded batches it has no second one, so that their gradients differ and recordings are not
    used: the network under the pretrained head reads whole inputs.
    """

    references = ("old_network",)
    read_again = ("old_network",)

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight
        self._source = _open(model.backbone)
        kept = {id(parameter) for parameter in model.parameters()}
        self.old_network = self._source.model
        for parameter in self.old_network.parameters():
            if id(parameter) not in kept:  # its head, which stays as it is
                parameter.requires_grad_(False)

    @property
    def source(self) -> SourceTask:
        return self._source

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        batch = batches[REHEARSED]
        if is_recorded(batch) or not self.weight:
            return {}
        loss = self.source.pretext.loss(self.old_network(batch), batch)
        return {"rehearsal": self.weight * loss}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        weight = self.source.pretext.loss_weight(batches[REHEARSED])
        return {**super().loss_weights(batches), "rehearsal": weight}


def _open(backbone: Backbone) -> SourceTask:
    """The task of the pretrained head; raises BadValue if it is not known."""
    if backbone.preprocess.reads == "audio":
        raise BadValue(
            f"{NAME!r} rehearses pictures and texts, and {backbone.name} reads sounds. Use 'l2-sp'."
        )
    try:
        return open_source_task(backbone, ())
    except BackboneError as reason:
        raise BadValue(
            f"{NAME!r} is not made for {backbone.name}: {reason} Or use 'l2-sp', which needs no "
            "pretrained head."
        ) from reason
