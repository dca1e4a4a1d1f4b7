"""What mixup and CutMix share: the loss of examples that are mixed in pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graft.base import trees
from graft.base.records import RECORDED, Batch, Batches, Output, Outputs
from graft.tasks.task import Task
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Pairs:
    """The partner (N,) of each example, and the share of each in the mixture with it."""

    partners: Tensor
    share: float


def draw_pairs(count: int, alpha: float) -> Pairs:
    """Draw the partners of so many examples, and a share by Beta(alpha, alpha)."""
    beta = torch.distributions.Beta(torch.tensor(alpha), torch.tensor(alpha))
    return Pairs(torch.randperm(count), float(beta.sample()))


def mixed_loss(task: Task, output: Output, batch: Batch, pairs: Pairs) -> Tensor:
    """Return the loss with the labels of each example and of its partner, by their shares."""
    loss = task.loss(output, batch)
    if pairs.share == 1:
        return loss
    partners = pairs.partners.to(loss.device)
    of_partners = task.loss(output, replace(batch, target=trees.take(batch.target, partners)))
    return pairs.share * loss + (1 - pairs.share) * of_partners


def is_recorded(batch: Batch) -> bool:
    """Whether the network goes on from recorded tensors, so that no input can be mixed."""
    return RECORDED in batch.extras or "features" in batch.inputs


class MixingObjective(Objective):
    """The task's loss of mixed examples.

    Alone it takes the place of the loss of the plain ones; after a `+` it is added to it. On
    recorded batches it has none, so that their gradients differ and recordings are not used.
    """

    pairs: Pairs

    def mix(self, batch: Batch) -> tuple[Batch, Pairs]:
        """Return the batch with mixed inputs, and who was mixed with whom."""
        raise NotImplementedError

    def outputs(self, batches: Batches) -> Outputs:
        mixed, self.pairs = self.mix(batches[LABELED])
        return super().outputs({**batches, LABELED: mixed})

    def losses(self, outputs: Outputs, batches: Batches, progress: float) -> dict[str, Tensor]:
        return {"task": mixed_loss(self.task, outputs[LABELED], batches[LABELED], self.pairs)}

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        batch = batches[LABELED]
        if is_recorded(batch):
            return {}
        mixed, pairs = self.mix(batch)
        return {"mixed": mixed_loss(self.task, self.model(mixed), batch, pairs)}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        weights = super().loss_weights(batches)
        return {**weights, "mixed": weights["task"]}
