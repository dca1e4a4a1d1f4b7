"""Which heads are found without steps, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import nn

from graft.techniques.technique import Objective, Phase, Solver
from graft.training.feeds.feed import Feed
from graft.training.solvers import logistic, prototypes
from graft.training.solvers.logistic import Solution

SOLVERS: dict[Solver, Callable[[Objective, nn.Linear, Feed], Iterator[Solution]]] = {
    "logistic": logistic.path,
    "prototypes": prototypes.path,
}
"""Each puts one solution after the other into the head, as they are asked for."""


def solved(phase: Phase, objective: Objective, at_head: bool) -> nn.Linear | None:
    """The head that the phase's solver finds, None where it is stepped towards.

    The logistic one needs many passes, which only features recorded `at_head` make cheap; prototypes need one.
    """
    if phase.solver is None or (phase.solver == "logistic" and not at_head):
        return None
    return logistic.linear_head(objective)
