"""Stay near the pretrained weights where they matter to what the network was pretrained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graft.backbones.backbone import Backbone, Model, evaluating
from graft.base.ranges import Count, NotNegative
from graft.base.records import Batch, Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.ewc import squared_gradients, weighted_distance
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.start import StartObjective
from graft.techniques.source.old_head import OldHead, open_old_head
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import HowOften, Look, Objective

NAME = "ewc"


@dataclass(frozen=True)
class Ewc(RegularizedFineTuning):
    """Full fine-tuning with a penalty on moves of weights that matter to the pretrained head (EWC).

    Or, after a `+`, the penalty alone. No example of the pretraining is needed.
    Formula: L(task) + weight / 2 sum_i F_i (w_i - w0_i)^2 over the backbone's weights, w0 the
    weights at the start, F_i = mean over examples x of (d log p(y | x) / d w_i)^2, y drawn from the
    classes that the pretrained head gives to x: the diagonal of the Fisher information.
    F is measured on training examples, once, when a weight begins to train.
    Source: Kirkpatrick et al.: Overcoming catastrophic forgetting in neural networks,
    arXiv:1612.00796. There, F is that of the old task's examples.
    When: the network must still know its old classes, and most of its weights may move.
    When not: the new examples are unlike those of the pretraining, so that other weights matter to
    them; the weights have to move far. F takes as much memory as the weights.
    Example: graft fit photos -t ewc:weight=1000
    """

    weight: NotNegative = 100.0
    """The weight of the penalty; 0 is plain fine-tuning."""
    examples: Count = 200
    """The training examples on which F is measured at most, each by a pass of its own."""
    weight_decay: NotNegative = 0.0

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue also for a network whose pretrained head is not known."""
        super().check(backbone, task)
        open_old_head(backbone, NAME)

    def objective(self, model: Model, task: Task) -> Objective:
        return EwcObjective(model, task, self)


class EwcObjective(StartObjective):
    """The task's loss and the weighted distance from the weights as they were when it was made."""

    references = ("start", "old_head")
    read_again = ("old_head",)

    looks: ClassVar[dict[str, HowOften]] = {LABELED: "once"}

    def __init__(self, model: Model, task: Task, settings: Ewc):
        super().__init__(model, task)
        self.settings = settings
        self.old_head = OldHead(model.backbone, NAME)
        for number, start in enumerate(self.start):
            self.register_buffer(f"fisher_{number}", torch.zeros_like(start))
        self.register_buffer("is_measured", torch.zeros(len(self.names), dtype=torch.bool))

    def before_epoch(self, look: Look) -> None:
        """Measure F of the weights that train from now on; they are still those of the start."""
        if not self.settings.weight:
            return
        weights = [self.model.network.get_parameter(name) for name in self.names]
        new = [
            number
            for number, weight in enumerate(weights)
            if weight.requires_grad and not self.is_measured[number]
        ]
        if not new:
            return
        self.is_measured[new] = True
        draw = torch.Generator().manual_seed(0)
        for count, example in enumerate(self._examples(look), 1):
            squares = self._squares(example, [weights[number] for number in new], draw)
            for number, square in zip(new, squares, strict=True):
                # A running mean, so that no count is needed later.
                fisher = self.get_buffer(f"fisher_{number}")
                fisher.add_((square - fisher) / count)

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        moving = [
            (now, start, self.get_buffer(f"fisher_{number}"))
            for number, (_, now, start) in enumerate(self.pairs())
            if now.requires_grad
        ]
        if not moving or not self.settings.weight:
            return {}
        return {
            "distance": self.settings.weight / 2 * weighted_distance(*zip(*moving, strict=True))
        }

    def _examples(self, look: Look) -> Iterator[Batch]:
        """Single examples of the training split, so many as are asked for."""
        left = self.settings.examples
        for batch, _ in look(LABELED):
            for row in range(min(left, len(batch))):
                yield batch.take(slice(row, row + 1))
            left -= len(batch)
            if left <= 0:
                return

    def _squares(
        self, example: Batch, weights: list[Tensor], draw: torch.Generator
    ) -> list[Tensor]:
        """The squared gradients for a class that is drawn from those that the old head gives."""
        with torch.enable_grad(), evaluating(self.model):
            logits = self.old_head(self.model(example).features)
            chances = logits.detach().float().softmax(-1).cpu()
            label = int(torch.multinomial(chances, 1, generator=draw))
            return squared_gradients(logits, label, weights)
