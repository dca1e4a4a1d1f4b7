"""Weights between those before and after fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from graft.backbones.backbone import Model
from graft.base.ranges import Share
from graft.tasks.task import Task
from graft.techniques.formulas.interpolation import interpolate
from graft.techniques.specs.candidates import Candidate, Path
from graft.techniques.specs.closing import averaging_phase
from graft.techniques.specs.places import everything, select
from graft.techniques.specs.probe import probe_phase
from graft.techniques.technique import Objective, Phase, Technique

ALPHAS = tuple(k / 10 for k in range(10, -1, -1))
"""From the fine-tuned weights to the first ones; of equal values on validation the former win."""


@dataclass(frozen=True)
class WiseFt(Technique):
    """Linear probing, fine-tuning of all layers, and then the best weights between the two.

    Or, after a `+`, the best weights between those before and after any other training:
    `full-fine-tuning + wise-ft`.
    Formula: w = (1 - alpha) w0 + alpha w1, w1 the fine-tuned weights, w0 those with which layers
    below the head began to train: pretrained ones under the probed head. Of the alphas 1, 0.9 ... 0
    the one with the best validation is kept. Nothing is trained for it: each alpha costs a pass
    over the validation split, and one over the training split if batch normalizations take up
    statistics.
    Source: Wortsman et al.: Robust fine-tuning of zero-shot models, arXiv:2109.01903 (WiSE-FT).
    When: fine-tuning on few labels, which easily goes too far; data met later that differ from the
    training data, for which the paper takes alpha = 0.5.
    When not: weights before and after that are far from each other, as with high rates or random
    weights, since those between may be worse than both; a new head that is not probed first, which
    has random weights at alpha = 0.
    Example: graft fit photos -t wise-ft:alpha=0.5
    """

    alpha: Share | None = None
    """The share of the fine-tuned weights; `auto` is the best on validation."""

    def objective(self, model: Model, task: Task) -> Objective:
        return WiseFtObjective(model, task, self.alpha)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        is_probed = model.fresh_head
        rates = self.rates(model, body=0.5, head=1.0) if is_probed else self.rates(model)
        tuning = Phase("fine-tuning", epochs, everything, **rates)
        probe = [probe_phase(model, epochs)] if is_probed else []
        return [*probe, tuning, *self.closing_phases(tuning)]

    def closing_phases(self, last: Phase) -> list[Phase]:
        tries = WiseFtObjective.interpolations
        count = len(ALPHAS) if self.alpha is None else 1
        return [averaging_phase("interpolation", last, count, WiseFtObjective, tries)]


class WiseFtObjective(Objective):
    """The task's loss; beside each weight that trains, what it was before the body trained."""

    def __init__(self, model: Model, task: Task, alpha: float | None):
        super().__init__(model, task)
        self.alphas = ALPHAS if alpha is None else (alpha,)
        self.names = [name for name, _ in model.network.named_parameters()]
        # Without a size until they train; a run that goes on reads them from its checkpoint.
        self.starts = nn.Module()
        for number in range(len(self.names)):
            self.starts.register_buffer(str(number), torch.zeros(0))

    def begin(self, phase: Phase) -> None:
        names, groups = set(select(self.model, phase.trainable)), self.model.group_indices()
        if phase.candidates is not None or all(groups[name] == -1 for name in names):
            return
        for number, name in enumerate(self.names):
            if name in names and not self.starts.get_buffer(str(number)).numel():
                weight = self.model.network.get_parameter(name)
                self.starts.register_buffer(str(number), weight.detach().clone())

    @torch.no_grad()
    def interpolations(self) -> Path:
        """Put the weights for each alpha into the model; none if only the head has trained."""
        kept = [
            (self.model.network.get_parameter(name), start)
            for name, start in zip(self.names, self.starts.buffers(), strict=True)
            if start.numel()
        ]
        ends = [weight.clone() for weight, _ in kept]
        for alpha in self.alphas if kept else ():
            for (weight, start), end in zip(kept, ends, strict=True):
                weight.copy_(interpolate(start, end, alpha))
            yield Candidate({"alpha": alpha})
