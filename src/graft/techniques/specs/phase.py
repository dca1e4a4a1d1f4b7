"""The phases of a training, which a technique lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graft.techniques.specs.candidates import Candidates, SolvedHead
from graft.techniques.specs.places import Trainable

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "one-cycle", "linear", "constant"]


@dataclass(frozen=True)
class Phase:
    """A phase of a training: what trains, for how long, at which rates."""

    name: str
    epochs: float
    trainable: Trainable
    lr: float
    head_lr: float
    optimizer: Optimizer
    candidates: Candidates | SolvedHead | None = None
    """Weights that are tried in turn, of which the best on validation are kept; None: steps."""
    views: int | None = None
    """How many augmented versions of an example are seen, in turn; None: a new one each epoch; 1:
    the plain one."""
    patience: int | None = None
    """So many epochs without better weights end it, unless the technique's own setting says
    otherwise."""
    fallback: bool = False
    """Whether it returns to its first weights if its last ones have a worse metric on validation.

    It does not if validation is tiny."""
    mixed: bool = False
    """Batches are drawn whatever the lengths, new ones each epoch: for losses between the examples
    of a batch."""
    schedule: Schedule | None = None
    """How its rate falls; None: as the technique says."""
    statistics: bool = False
    """Whether every batch normalization takes up the statistics of the batches, whether it trains
    or not. Such a phase may train nothing else."""
