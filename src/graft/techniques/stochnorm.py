"""Normalize some channels by the pretrained statistics, others by those of the batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn
from torch.func import functional_call

from graft.backbones.backbone import Backbone, Model, evaluating
from graft.base.errors import BadValue
from graft.base.ranges import Share
from graft.tasks.task import Task
from graft.techniques.formulas.stochnorm import choose_channels
from graft.techniques.norms.layers import batch_norms
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Stochnorm(RegularizedFineTuning):
    """Full fine-tuning in which batch normalizations draw which statistics they use.

    Each channel uses those of the batch or, with `probability`, the moving ones, which begin as the
    pretrained ones and follow the batches. Predictions use the moving ones.
    Formula: z_c = s_c z'_c + (1 - s_c) z_c(batch), s_c 1 with the probability, else 0, drawn for
    each channel at each step; z' normalized by the moving statistics after this batch.
    Source: Kou et al.: Stochastic Normalization, NeurIPS 2020.
    When: networks with batch normalization on few pictures unlike those of the pretraining.
    When not: networks without it; batches of a few examples, whose statistics say little, and
    pieces of a batch, which have their own.
    Example: graft fit photos -t stochnorm:probability=0.7
    """

    can_be_added: ClassVar[bool] = False

    probability: Share = 0.5
    """The share of channels that use the moving statistics; 0 is `batch_norm=updated`."""
    batch_norm: Literal["frozen", "updated"] = "updated"

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        if not _pretrained_norms(Model(backbone, task.fresh_head)):
            raise BadValue(
                f"'stochnorm' changes batch normalizations, and {backbone.name} has none. Use "
                "'mixout' or 'l2-sp', or a backbone with batch normalization."
            )
        if self.batch_norm == "frozen":
            raise BadValue(
                "'stochnorm' mixes in the statistics of batches, which batch_norm=frozen does not "
                "take up. Leave out batch_norm, or use 'full-fine-tuning'."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return StochnormObjective(model, task, self.probability)


class StochnormObjective(Objective):
    """The task's loss of a network in which hooks mix two normalizations while they train."""

    def __init__(self, model: Model, task: Task, probability: float):
        super().__init__(model, task)
        self.probability = probability
        self.hooks = [norm.register_forward_hook(self._mix) for norm in _pretrained_norms(model)]

    def finish(self) -> Model:
        for hook in self.hooks:
            hook.remove()
        return self.model

    def _mix(self, norm: nn.Module, args: tuple[Any, ...], by_batch: Tensor) -> Tensor | None:
        if not norm.training or not self.probability:
            return None
        # Copies: another batch of the step moves the statistics before the gradients are computed.
        moving = {name: buffer.clone() for name, buffer in norm.named_buffers()}
        with evaluating(norm):  # the layer itself, since some apply an activation as well
            by_moving = functional_call(norm, moving, args)
        return choose_channels(by_batch, by_moving, self.probability)


def _pretrained_norms(model: Model) -> list[nn.Module]:
    """The batch normalizations with statistics, without those of a new head."""
    groups = model.group_indices()
    kept = {id(norm) for norm in batch_norms(model.network)}
    return [
        module
        for path, module in model.network.named_modules()
        if id(module) in kept and groups[f"{path}.running_mean"] != -1
    ]
