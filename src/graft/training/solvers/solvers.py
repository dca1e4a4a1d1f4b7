"""Which heads are found without steps, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from graft.backbones.heads.head import head_of
from graft.techniques.technique import Objective, Phase
from graft.training.feeds.feed import Feed
from graft.training.solvers import logistic, prototypes, ridge
from graft.training.solvers.logistic import Solution


@dataclass(frozen=True)
class Solver:
    """What puts one solution after the other into a linear layer, as they are asked for."""

    path: Callable[[Objective, nn.Linear, Feed], Iterator[Solution]]
    passes: int
    """Passes over recorded features that it usually takes, over all its solutions."""
    at_head: bool
    """Whether it makes so many passes that only recorded features make them cheap."""


SOLVERS = {
    # 55 to 288 passes on ten data sets.
    "logistic": Solver(logistic.path, passes=170, at_head=True),
    # One pass a strength, and two before the first.
    "ridge": Solver(ridge.path, passes=15, at_head=True),
    "prototypes": Solver(prototypes.path, passes=10, at_head=False),
}


@dataclass(frozen=True)
class Solved:
    """A linear layer that a solver finds."""

    solver: Solver
    layer: nn.Linear


def find_solver(phase: Phase, objective: Objective, at_head: bool) -> Solved | None:
    """What the phase solves for; None if its weights are stepped toward.

    That is the head's one linear layer, where nothing else trains. `at_head` says whether what
    enters it is recorded.
    """
    backbone = objective.model.backbone
    name = _name_solver(phase, objective)
    layer = backbone.linear
    if name is None or layer is None or (SOLVERS[name].at_head and not at_head):
        return None
    trained = {id(parameter) for parameter in objective.parameters() if parameter.requires_grad}
    if trained != {id(parameter) for parameter in layer.parameters()}:
        return None
    return Solved(SOLVERS[name], layer)


def _name_solver(phase: Phase, objective: Objective) -> str | None:
    """The solver of the phase; ridge needs a mean squared error and no other loss beside it."""
    if phase.solver != "head":
        return phase.solver
    name = head_of(objective.model.backbone).solver
    is_exact = objective.task.is_least_squares and objective.is_task_loss
    return "logistic" if name == "ridge" and not is_exact else name
