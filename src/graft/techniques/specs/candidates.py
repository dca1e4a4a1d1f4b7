"""Candidates: weights that a phase tries in turn, instead of or after steps.

The trainer measures each on the validation split and keeps the best.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # they name the phases, which name candidates
    from graft.techniques.technique import Look, Objective

Item = TypeVar("Item")
Rank = list[float]
"""Values on validation in the order in which they count: less is better."""


@dataclass(frozen=True)
class Candidate:
    """Weights that now stand in the objective: for what, their losses, and what they took."""

    chosen: dict[str, float]
    """What is chosen by validation, by name: the strength of a penalty."""
    losses: dict[str, float] = field(default_factory=dict)
    """Losses on the training examples, if they are known."""
    passes: int = 0
    """Passes over the training examples."""


Path = Generator[Candidate, Rank | None, None]
"""Candidates, one after the other. After each one it is sent the rank that validation gave it."""


def advance(path: Generator[Item, Rank | None, None], rank: Rank | None) -> Item | None:
    """Return what comes next, by the rank of what came before; None at the end."""
    try:
        return path.send(rank)
    except StopIteration:
        return None


@dataclass(frozen=True)
class Candidates:
    """What puts one candidate after the other into the objective, as they are asked for.

    Of equal candidates the first is kept. No random state and nothing but the objective goes into
    them: a run that was stopped among them tries all of them again.
    """

    path: Callable[[Objective, Look], Path]
    count: int
    """Candidates that are usually tried, each measured on validation."""
    passes: int = 0
    """Passes over the training examples that these usually take."""
    patience: int | None = None
    """So many candidates in turn that are not better end the path; None: all are tried."""
    are_averages: bool = False
    """Whether they are averages of weights. The statistics of batch normalizations that the phase
    updates are then computed anew for each one, in a pass over the training examples."""


@dataclass(frozen=True)
class SolvedHead:
    """A head that is one linear layer is solved for, if nothing else trains; else steps are taken.

    Its candidates are the solutions for a path of penalties, or of temperatures.
    """

    solver: str | None = None
    """A file in `training/solvers/`; None: the first that the head names and that fits the
    objective."""
