"""Train the layer groups that the data ask to change, and the head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from graft.backbones.backbone import Backbone, Model, evaluating
from graft.base.errors import BadValue, listed
from graft.base.ranges import Count
from graft.base.records import Batch, Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.gradient_ratio import gradient_ratios
from graft.techniques.specs.places import everything
from graft.techniques.specs.probe import probe_phase
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import HowOften, Look, Objective, Phase, Technique

TUNING = "surgery"


@dataclass(frozen=True)
class SurgicalFineTuning(Technique):
    """Train the head, then the layer groups with the largest gradients for their weights as well.

    Formula: W = argmin L(W f(x)) with f frozen, of a new head; then min of L over the head and the
    `groups` layer groups with the highest mean over batches of ||dL / dw_g|| / ||w_g||, w_g the
    weights of group g. The other groups stay as they are. A warning of the run names the groups.
    Source: Lee et al.: Surgical Fine-Tuning Improves Adaptation to Distribution Shifts,
    arXiv:2210.11466. There, one block of several is best, which block depends on the shift, and
    rates go by this ratio (Auto-RGN).
    When: few labels, and data that differ from those of the pretraining in one way: noise or
    colors, which first layers read, or classes, which last ones do.
    When not: many labels, where `full-fine-tuning` may change all; little time: gradients are
    computed for all groups, and choosing takes one more pass.
    Example: graft fit photos -t surgical-fine-tuning:groups=2
    """

    can_be_added: ClassVar[bool] = False

    groups: Count = 1
    """How many layer groups train beside the head."""

    def check(self, backbone: Backbone, task: Task) -> None:
        super().check(backbone, task)
        count = _num_groups(Model(backbone, task.fresh_head))
        if self.groups > count:
            raise BadValue(
                f"groups={self.groups} of 'surgical-fine-tuning' is more than the {count} layer "
                f"groups of {backbone.name}. Use a number from 1 to {count}, or "
                "'full-fine-tuning', which trains all."
            )

    def objective(self, model: Model, task: Task) -> Objective:
        return SurgicalObjective(model, task, self.groups)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        tuning = Phase(TUNING, epochs, everything, **self.rates(model, body=0.5, head=1.0))
        if not model.fresh_head:
            return [tuning]
        return [probe_phase(model, epochs), tuning]


class SurgicalObjective(Objective):
    """The task's loss; gradients of groups that were not chosen are dropped before each step.

    An optimizer leaves weights without a gradient as they are, without decay or momentum.
    """

    looks: ClassVar[dict[str, HowOften]] = {LABELED: "once"}

    def __init__(self, model: Model, task: Task, groups: int):
        super().__init__(model, task)
        self.num_chosen = groups
        self.is_tuning = False
        self.chosen: Sequence[int] = range(_num_groups(model))
        self.hooks: list[RemovableHandle] = []
        self.register_buffer("ratios", torch.zeros(_num_groups(model)))
        self.register_buffer("has_chosen", torch.zeros((), dtype=torch.bool))

    def begin(self, phase: Phase) -> None:
        self._remove_hooks()
        self.is_tuning = phase.name == TUNING
        if self.is_tuning:
            # Only weights that train take hooks, and what trains is said after this.
            self.hooks = [
                weight.requires_grad_().register_post_accumulate_grad_hook(self._drop(group))
                for weight, group in self._places()
            ]

    def before_epoch(self, look: Look) -> None:
        if not self.is_tuning or self.has_chosen:
            return
        rows = [self._measure(batch) for batch, _ in look(LABELED)]
        self.ratios.copy_(torch.stack(rows).mean(0))
        self.has_chosen.fill_(True)

    def outputs(self, batches: Batches) -> Outputs:
        # At each step, as a run that goes on has the ratios of its checkpoint after `begin`.
        if self.is_tuning and self.has_chosen:
            self.chosen = sorted(self.ratios.topk(self.num_chosen).indices.tolist())
        return super().outputs(batches)

    def notes(self) -> list[str]:
        if not self.is_tuning:
            return []
        groups = self.model.backbone.groups
        words = [f"{groups[group].name} ({self.ratios[group]:.2g})" for group in self.chosen]
        return [
            f"surgical-fine-tuning trained {listed(words)} of {len(self.ratios)} layer groups: "
            "those with the highest ratio of gradient to weights."
        ]

    def untouched(self) -> list[str]:
        groups = self.model.group_indices() if self.is_tuning else {}
        return [name for name, group in groups.items() if group not in (-1, *self.chosen)]

    def finish(self) -> Model:
        self._remove_hooks()
        return self.model

    def _places(self) -> list[tuple[torch.nn.Parameter, int]]:
        """Each weight below the new head with its layer group."""
        groups = self.model.group_indices()
        named = self.model.network.named_parameters()
        return [(weight, groups[name]) for name, weight in named if groups[name] != -1]

    def _measure(self, batch: Batch) -> Tensor:
        """The ratio of each group on a batch, in evaluation mode."""
        weights, groups = zip(*self._places(), strict=True)
        with evaluating(self.model):
            loss = self.task.loss(self.model(batch), batch)
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        return gradient_ratios(gradients, weights, groups, len(self.ratios))

    def _drop(self, group: int) -> Callable[[Tensor], None]:
        """Return the hook of the weights of a group: it drops gradients unless that is chosen."""

        def drop_unless_chosen(weight: Tensor) -> None:
            if group not in self.chosen:
                weight.grad = None

        return drop_unless_chosen

    def _remove_hooks(self) -> None:
        for hook in self.hooks:
            hook.remove()
        self.hooks = []


def _num_groups(model: Model) -> int:
    """The number of layer groups below the new head."""
    return len(model.backbone.groups) - model.fresh_head
