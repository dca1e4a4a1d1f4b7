"""Measure the trivial predictors of a task like any run."""

from __future__ import annotations

import time
from typing import Any

from graft.data.data import Data
from graft.tasks.task import Task
from graft.training.evaluate import Evaluation, intervals


def run_baselines(task: Task, data: Data) -> list[dict[str, Any]]:
    """A row a baseline: `baseline`, its name in `words`, `metrics` with intervals, `seconds`.

    `scores` (N, ...) are those of the test split.
    """
    train, test = data.splits["train"], data.splits["test"]
    targets = task.targets(test)
    rows = []
    for baseline in task.baselines:
        started = time.perf_counter()
        scores = baseline.predict(train, test)
        seconds = time.perf_counter() - started
        evaluation = Evaluation(float("nan"), scores, targets)
        rows.append(
            {
                "baseline": baseline.name,
                "words": baseline.words,
                "metrics": {"test": intervals(task, evaluation, test, data.kind)},
                "seconds": round(seconds, 3),
                "scores": scores,
            }
        )
    return rows
