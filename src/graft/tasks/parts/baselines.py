"""Baselines of several tasks: that of each, learned from the examples that have its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graft.base.baseline import Baseline
from graft.base.records import Sample
from graft.data.kinds.several import known_of, part_sample

if TYPE_CHECKING:
    from graft.tasks.task import Task

_SIMPLEST = "the simplest baseline of each task"
_LAST = "the last baseline of each task, mostly a linear model"


def baselines_of(parts: Mapping[str, Task]) -> tuple[Baseline, ...]:
    """Return the first baseline of each task, and the last one."""
    first = {name: part.baselines[0] for name, part in parts.items()}
    last = {name: part.baselines[-1] for name, part in parts.items()}
    made = [_join("first-of-each", _SIMPLEST, first)]
    if any(last[name].name != first[name].name for name in parts):
        made.append(_join("last-of-each", _LAST, last))
    return tuple(made)


def _join(name: str, words: str, chosen: Mapping[str, Baseline]) -> Baseline:
    def predict(train: Sequence[Sample], test: Sequence[Sample]) -> np.ndarray:
        columns = {
            part: baseline.predict(known_of(train, part), [part_sample(s, part) for s in test])
            for part, baseline in chosen.items()
        }
        rows = ({part: scores[row] for part, scores in columns.items()} for row in range(len(test)))
        return np.fromiter(rows, dtype=object, count=len(test))

    return Baseline(name, words, predict)
