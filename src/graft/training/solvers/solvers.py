"""The solvers of heads that are solved for instead of trained by steps."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from torch import nn

from graft.backbones.heads.head import head_of
from graft.techniques.technique import Objective, Phase
from graft.training.solvers.solution import Solver


@dataclass(frozen=True)
class Solved:
    """A linear layer that a solver finds."""

    solver: Solver
    layer: nn.Linear


def find_solver(
    phase: Phase, objective: Objective, at_head: bool, streams: int = 1
) -> Solved | None:
    """Return the layer that the phase solves for; None if the phase trains by steps.

    It is the only linear layer of the head, if nothing else trains and labeled samples are all that
    it learns from, of `streams` one. `at_head` says whether the inputs of the head are recorded.
    """
    layer, solver = objective.model.backbone.linear, _choose(phase, objective)
    if solver is None or layer is None or streams > 1 or (solver.at_head and not at_head):
        return None
    trained = {id(parameter) for parameter in objective.parameters() if parameter.requires_grad}
    if trained != {id(parameter) for parameter in layer.parameters()}:
        return None
    return Solved(solver, layer)


def _choose(phase: Phase, objective: Objective) -> Solver | None:
    """The first solver that the phase, or else the head, names and that solves the objective."""
    names = head_of(objective.model.backbone).solvers if phase.solver == "head" else (phase.solver,)
    solvers = (_named(name) for name in names if name)
    return next((solver for solver in solvers if solver.solves(objective)), None)


def _named(name: str) -> Solver:
    return importlib.import_module(f"{__package__}.{name}").SOLVER
