"""Average the weights of the last steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from graft.backbones.backbone import Model
from graft.base.ranges import Fraction
from graft.tasks.task import Task
from graft.techniques.formulas.interpolation import add_to_mean
from graft.techniques.specs.candidates import Candidate, Path
from graft.techniques.specs.closing import averaging_phase
from graft.techniques.specs.places import everything, select
from graft.techniques.technique import Objective, Phase, Technique


@dataclass(frozen=True)
class Swa(Technique):
    """Full fine-tuning at a constant rate, and then the mean of the weights of its last epochs.

    The rate is half the usual one, which is about the mean of one that falls to 0.
    Or, after a `+`, the same for the last phase of any technique that trains in steps.
    Formula: w = mean of w_t over the steps t in the last `share` of the phase; batch normalizations
    that take up statistics get those of w in a pass over the training split. The last weights are
    kept instead if they are better on validation.
    Source: Izmailov et al.: Averaging Weights Leads to Wider Optima and Better Generalization,
    arXiv:1803.05407. There the weights after each epoch are averaged, here those after each step,
    so that few epochs are enough.
    When: some epochs of fine-tuning, at a rate that stays high, and noise in labels or steps.
    When not: a rate that falls to 0, where the mean hardly differs from the last weights; a head
    that is solved for, which has no steps.
    Example: graft fit photos -t swa:share=0.5
    """

    schedule: Literal["cosine", "one-cycle", "linear", "constant"] = "constant"
    share: Fraction = 0.25
    """The share of the steps, the last ones, whose weights are averaged."""

    def objective(self, model: Model, task: Task) -> Objective:
        return SwaObjective(model, task, self.share)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rates = self.rates(model, body=0.5, epochs=epochs)
        tuning = Phase("fine-tuning", epochs, everything, **rates)
        return [tuning, *self.closing_phases(tuning)]

    def closing_phases(self, last: Phase) -> list[Phase]:
        return [averaging_phase("average", last, 2, SwaObjective, SwaObjective.averages)]


class SwaObjective(Objective):
    """The task's loss, with a mean beside each weight that trains in the phase."""

    def __init__(self, model: Model, task: Task, share: float):
        super().__init__(model, task)
        self.share = share
        self.names: list[str] = []
        self.register_buffer("num_averaged", torch.zeros(()))
        self.means = nn.ParameterList()

    @torch.no_grad()
    def begin(self, phase: Phase) -> None:
        if phase.candidates is not None:
            return
        self.names = select(self.model, phase.trainable)
        network = self.model.network
        starts = (network.get_parameter(name).detach().clone() for name in self.names)
        self.means = nn.ParameterList(nn.Parameter(s, requires_grad=False) for s in starts)
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
