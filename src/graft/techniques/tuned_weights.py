"""Fixed weights of several tasks, chosen on validation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, Model
from graft.base.ranges import Count, FromOne
from graft.tasks.task import Task
from graft.techniques.specs.candidates import Candidate, Candidates, Path
from graft.techniques.specs.copies import copy_tensors, write_tensors
from graft.techniques.specs.places import check_group, from_group, group_number
from graft.techniques.tasks.weighting import Weighting, WeightingObjective
from graft.techniques.technique import Look, Objective, Phase

TUNING = "weights"
"""How the names of the phases begin that fine-tune; a number follows."""


@dataclass(frozen=True)
class TunedWeights(Weighting):
    """Some fine-tunings from the same weights with other weights of the tasks; the best is kept.

    Formula: sum over the tasks k of w_k L_k. The first fine-tuning has w_k = 1; in the others log
    w_k is drawn evenly from a range and scaled so that the mean of w is 1. The best has the least
    sum of the losses on validation.
    Source: Kurin et al.: In Defense of the Unitary Scalarization for Deep Multi-Task Learning,
    arXiv:2201.04122; Xin et al.: Do Current Multi-Task Optimization Methods in Deep Learning Even
    Help?, arXiv:2209.11379: tuned weights are what computed ones must beat.
    When: time for several trainings; the honest rival of uncertainty, dwa, famo and pcgrad.
    When not: little validation data, where chance chooses.
    Example: graft fit reviews.jsonl --task multi-task -t tuned-weights:runs=6
    """

    can_be_added: ClassVar[bool] = False

    runs: Count = 4
    """The number of fine-tunings, each of as many epochs."""
    spread: FromOne = 16.0
    """The highest weight over the lowest that may be drawn."""
    from_group: int = 0
    """The first layer group that trains, negative counts from the head; those before it run once
    an example."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a single task, or a layer group that there is not."""
        super().check(backbone, task)
        check_group(backbone, self.from_group, "tuned-weights")

    def objective(self, model: Model, task: Task) -> Objective:
        return TunedWeightsObjective(model, task, self.runs, self.spread)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        trains = from_group(group_number(model, self.from_group, "tuned-weights"))
        usual = Phase(TUNING, epochs, trains, **self.rates(model, epochs=epochs))
        tunings = [replace(usual, name=f"{TUNING} {number + 1}") for number in range(self.runs)]
        choice = replace(
            usual,
            name="choice",
            epochs=1,
            candidates=Candidates(_choose, self.runs),
            views=1,
        )
        return [*tunings, choice]


class TunedWeightsObjective(WeightingObjective):
    """Keeps the weights (R, K) of the tasks in each run, and what each run ends with."""

    references = ("start",)

    def __init__(self, model: Model, task: Task, runs: int, spread: float):
        super().__init__(model, task)
        drawn = draw_weights(runs, len(self.names), spread)
        self.register_buffer("drawn", drawn, persistent=False)
        self.start = copy_tensors(self._tensors())
        self.ends = nn.ModuleList(copy_tensors(self._tensors()) for _ in range(runs))
        self.run = 0

    def begin(self, phase: Phase) -> None:
        """Keep what the fine-tuning before ended with, and go back to the first weights.

        A run that goes on in this phase then reads all of them from its checkpoint.
        """
        is_last = isinstance(phase.candidates, Candidates)
        ended = len(self.ends) if is_last else int(phase.name.removeprefix(TUNING)) - 1
        if ended:
            write_tensors(self.ends[ended - 1], self._tensors())
        if not is_last:
            write_tensors(self._tensors(), self.start)
            self.run = ended

    def weights(self, losses: Tensor) -> Tensor:
        return self.drawn[self.run]

    def put_in_turn(self) -> Path:
        """Put what each fine-tuning ended with into the model."""
        for number, end in enumerate(self.ends):
            write_tensors(self._tensors(), end)
            pairs = zip(self.names, self.drawn[number].tolist(), strict=True)
            yield Candidate({f"weight.{name}": round(weight, 4) for name, weight in pairs})

    def _tensors(self) -> list[Tensor]:
        return [*self.model.network.parameters(), *self.model.network.buffers()]


def draw_weights(runs: int, tasks: int, spread: float) -> Tensor:
    """Return weights (R, K) of mean 1: equal ones first, the others drawn, always the same."""
    generator = torch.Generator().manual_seed(0)
    drawn = spread ** torch.rand(runs, tasks, generator=generator)
    drawn[0] = 1.0
    return drawn / drawn.mean(1, keepdim=True)


def _choose(objective: Objective, look: Look) -> Path:
    (tuned,) = (part for part in objective.parts if isinstance(part, TunedWeightsObjective))
    return tuned.put_in_turn()
