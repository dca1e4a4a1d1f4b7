"""Average the weights of several fine-tunings, as many as make the mean better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from torch import nn

from graft.backbones.backbone import Model
from graft.base.ranges import Count, FromOne
from graft.tasks.task import Task
from graft.techniques.formulas.greedy_soup import greedy_soup
from graft.techniques.formulas.interpolation import mean_weights
from graft.techniques.specs.candidates import Candidate, Path, advance
from graft.techniques.specs.closing import averaging_phase
from graft.techniques.specs.copies import copy_tensors, write_tensors
from graft.techniques.specs.places import everything
from graft.techniques.technique import Objective, Phase, Technique

TUNING = "fine-tuning"
"""The names of the phases that fine-tune begin with this word; a number follows."""


@dataclass(frozen=True)
class GreedySoup(Technique):
    """Some fine-tunings from the same weights at different rates, and the mean of the best of them.

    Formula: w = mean of w_k over k in S; S begins with the fine-tuning that is best on validation,
    and gets each further one, in that order, with which the mean is better than without it.
    Source: Wortsman et al.: Model soups: averaging weights of multiple fine-tuned models improves
    accuracy without increasing inference time, arXiv:2203.05482.
    When: time for several trainings, and one network to keep, which is as quick as one.
    When not: a new head with random weights: fine-tunings then end too far apart for a mean, so let
    feature-extraction come first; little validation data, where chance chooses.
    Example: graft fit photos -t "feature-extraction then greedy-soup:runs=4"
    """

    can_be_added: ClassVar[bool] = False

    runs: Count = 3
    """The number of fine-tunings, each of as many epochs, in another order of the examples."""
    spread: FromOne = 4.0
    """The highest of their rates over the lowest; the usual rate is in the middle."""

    def objective(self, model: Model, task: Task) -> Objective:
        return GreedySoupObjective(model, task, self.runs)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        usual = Phase(TUNING, epochs, everything, **self.rates(model, epochs=epochs))
        tunings = [
            replace(
                usual,
                name=f"{TUNING} {number + 1}",
                lr=usual.lr * factor,
                head_lr=usual.head_lr * factor,
            )
            for number, factor in enumerate(self._factors())
        ]
        most = 2 * self.runs - 1
        soup = GreedySoupObjective.soups
        return [*tunings, averaging_phase("soup", usual, most, GreedySoupObjective, soup)]

    def _factors(self) -> list[float]:
        """The rates of the fine-tunings in multiples of the usual one, evenly by their ratios."""
        if self.runs == 1:
            return [1.0]
        return [self.spread ** (k / (self.runs - 1) - 0.5) for k in range(self.runs)]


class GreedySoupObjective(Objective):
    """The task's loss, with the weights that the fine-tunings begin and end with."""

    references = ("start",)

    def __init__(self, model: Model, task: Task, runs: int):
        super().__init__(model, task)
        self.start = copy_tensors([*model.network.parameters(), *model.network.buffers()])
        ends = (copy_tensors(model.network.parameters()) for _ in range(runs))
        self.ends = nn.ModuleList(ends)

    def begin(self, phase: Phase) -> None:
        """Keep the weights that the fine-tuning before ended with, and go back to the first ones.

        A run that goes on in this phase then reads all of them from its checkpoint.
        """
        number = len(self.ends) if phase.candidates else int(phase.name.removeprefix(TUNING)) - 1
        network = self.model.network
        if number:
            write_tensors(self.ends[number - 1], network.parameters())
        if not phase.candidates:
            write_tensors([*network.parameters(), *network.buffers()], self.start)

    def soups(self) -> Path:
        """Put each fine-tuning into the model, and then their soups, by the ranks of those."""
        weights = [*self.model.network.parameters()]
        tried = greedy_soup(len(self.ends))
        members = advance(tried, None)
        while members is not None:
            columns = zip(*(self.ends[number] for number in members), strict=True)
            write_tensors(weights, map(mean_weights, columns))
            rank = yield Candidate({"averaged": len(members), "added": members[-1] + 1})
            members = advance(tried, rank)
