"""The solvers of heads that are solved for instead of trained by steps."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from torch import nn

from graft.backbones.heads.head import head_of
from graft.techniques.specs.candidates import Candidates, Path, SolvedHead
from graft.techniques.specs.sum_objective import weighs_tasks
from graft.techniques.technique import Look, Objective, Phase
from graft.training.feeds.feed import Feed
from graft.training.solvers.solver import PATIENCE, Solver


@dataclass(frozen=True)
class Solved:
    """A linear layer that a solver finds."""

    solver: Solver
    layer: nn.Linear

    def candidates(self, feed: Feed) -> Candidates:
        """Return its solutions on the examples of the feed."""

        def path(objective: Objective, look: Look) -> Path:
            # A generator, since a solver that is none cannot be sent the ranks it does not need.
            for solution in self.solver.path(objective, self.layer, feed):  # noqa: UP028
                yield solution

        return Candidates(path, self.solver.solutions, self.solver.passes, PATIENCE)


def find_solver(
    phase: Phase, objective: Objective, at_head: bool, streams: int = 1
) -> Solved | None:
    """Return the layer that the phase solves for; None if it solves for none.

    It is the only linear layer of the head, if nothing else trains and labeled samples are all that
    it learns from, of `streams` one. `at_head` says whether the inputs of the head are recorded.
    """
    if not isinstance(phase.candidates, SolvedHead):
        return None
    layer, solver = objective.model.backbone.linear, _choose(phase.candidates, objective)
    if solver is None or layer is None or streams > 1 or (solver.at_head and not at_head):
        return None
    trained = {id(parameter) for parameter in objective.parameters() if parameter.requires_grad}
    if trained != {id(parameter) for parameter in layer.parameters()}:
        return None
    return Solved(solver, layer)


def _choose(asked: SolvedHead, objective: Objective) -> Solver | None:
    """The first solver that is asked for, or that the head names, and that fits the objective."""
    names = (asked.solver,) if asked.solver else head_of(objective.model.backbone).solvers
    if weighs_tasks(objective):
        return None  # a solver takes the sum of the losses
    solvers = map(_named, names)
    return next((solver for solver in solvers if solver.solves(objective)), None)


def _named(name: str) -> Solver:
    return importlib.import_module(f"{__package__}.{name}").SOLVER
