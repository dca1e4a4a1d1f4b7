"""The contract of a solver, and what the solvers share.

A solver is a file of this folder with a `SOLVER`; a head names those that find its layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from graft.techniques.specs.candidates import Candidate
from graft.techniques.technique import Objective
from graft.training.feeds.feed import Feed

PATIENCE = 3
"""So many solutions in turn without a better validation loss end a path."""
ROWS = 2048
"""Examples read at a time: memory does not grow with their number."""


@dataclass(frozen=True)
class Solver:
    """What puts one solution after the other into a linear layer, as they are asked for."""

    path: Callable[[Objective, nn.Linear, Feed], Iterator[Candidate]]
    solutions: int
    """Solutions that it usually computes before the path ends, each measured on validation."""
    passes: int
    """Passes over recorded features that these usually take."""
    at_head: bool
    """Whether it makes so many passes that only recorded features make them cheap."""
    solves: Callable[[Objective], bool] = lambda objective: True
    """Whether it finds the least loss of this objective."""
