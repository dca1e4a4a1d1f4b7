"""Early stopping: which epoch is the best on validation, and when enough epochs have gone by without a better one.

All its state is in the position (`best`, `stale`), which checkpoints keep: a resumed run stops where it would have stopped.
"""

from __future__ import annotations

import math

from graft.tasks.pretext import Pretext
from graft.techniques.technique import Phase, Technique
from graft.training.checkpoint import Position


def patience(technique: Technique, phase: Phase, task: Pretext) -> int | None:
    """Epochs without better weights that end the phase; None: it is trained to the end."""
    return technique.patience or phase.patience or task.patience


def count(position: Position, values: dict[str, float], task: Pretext) -> bool:
    """Enter an epoch's validation values into the position; True if they are the best so far."""
    rank = _rank(values, task)
    if position.best is None or rank < position.best:
        position.best, position.stale = rank, 0
        return True
    position.stale += 1
    return False


def _rank(values: dict[str, float], task: Pretext) -> list[float]:
    """The values in the order in which they count; less is better, and NaN is worse than any number."""
    rank = [values["loss"]]
    if task.best_by == "metric":
        name, metric = next(iter(task.watched.items()))
        rank.insert(0, -values[name] if metric.higher_is_better else values[name])
    return [math.inf if math.isnan(value) else value for value in rank]
