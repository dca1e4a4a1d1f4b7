"""Average the weights of the last steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from graft.backbones.backbone import Model
from graft.base.ranges import InnerShare
from graft.tasks.task import Task
from graft.techniques.formulas.interpolation import add_to_mean
from graft.techniques.specs.candidates import Candidate, Path
from graft.techniques.specs.closing import averaging_phase
from graft.techniques.specs.copies import copy_tensors
from graft.techniques.specs.places import everything, select
from graft.techniques.technique import Objective, Phase, Technique

AVERAGED = "averaging"
"""The name of the phase all of whose steps are averaged."""


@dataclass(frozen=True)
class Swa(Technique):
    """Full fine-tuning, and then the mean of the weights of some more epochs at a constant rate.

    Or, after a `+`, the mean of the last weights of any technique that trains in steps.
    Formula: w = mean of w_t over the steps t in the last `share` of the epochs, at half the rate;
    batch normalizations that take up statistics get those of w in a pass over the training split.
    The last weights are kept instead if they are better on validation.
    Source: Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization,
    arXiv:1803.05407. There the weights after each epoch are averaged, here those after each step,
    so that few epochs are enough.
    When: some epochs of fine-tuning, noise in labels or steps.
    When not: after a `+`, a rate that falls to 0, where the mean hardly differs from the last
    weights, or a head that is solved for, which has no steps.
    Example: graft fit photos -t swa:share=0.5
    """

    share: InnerShare = 0.25
    """The share of the epochs, the last ones, over which weights are averaged."""

    def objective(self, model: Model, task: Task) -> Objective:
        return SwaObjective(model, task, self.share)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, epochs=epochs)
        tuning = Phase("fine-tuning", epochs * (1 - self.share), everything, **rates)
        averaged = replace(
            tuning,
            name=AVERAGED,
            epochs=epochs * self.share,
            lr=tuning.lr / 2,
            head_lr=tuning.head_lr / 2,
            schedule="constant",
        )
        return [tuning, averaged, *self.closing_phases(averaged)]

    def closing_phases(self, last: Phase) -> list[Phase]:
        return [averaging_phase("average", last, 2, SwaObjective, SwaObjective.averages)]


class SwaObjective(Objective):
    """The task's loss, with a mean beside each weight that trains in the phase."""

    def __init__(self, model: Model, task: Task, share: float):
        super().__init__(model, task)
        self.share = self.usual_share = share
        self.names: list[str] = []
        self.register_buffer("num_averaged", torch.zeros(()))
        self.means = nn.ParameterList()

    @torch.no_grad()
    def begin(self, phase: Phase) -> None:
        if phase.candidates is not None:
            return
        self.share = 1.0 if phase.name == AVERAGED else self.usual_share
        self.names = select(self.model, phase.trainable)
        self.means = copy_tensors(map(self.model.network.get_parameter, self.names))
        self.num_averaged.zero_()

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        if progress < 1 - self.share:
            return
        for name, mean in zip(self.names, self.means, strict=True):
            add_to_mean(mean, int(self.num_averaged), self.model.network.get_parameter(name))
        self.num_averaged += 1

    @torch.no_grad()
    def averages(self) -> Path:
        """Put the mean into the model, and then the last weights; neither without steps."""
        if not self.num_averaged:
            return
        weights = [self.model.network.get_parameter(name) for name in self.names]
        ends = [weight.clone() for weight in weights]
        for count, values in ((int(self.num_averaged), self.means), (1, ends)):
            for weight, value in zip(weights, values, strict=True):
                weight.copy_(value)
            yield Candidate({"averaged": count})
