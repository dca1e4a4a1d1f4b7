"""The trivial predictors of a task, measured like any run."""

from __future__ import annotations

import time
from typing import Any

from graft.data.data import Data
from graft.tasks.task import Task
from graft.training.evaluate import Evaluation, intervals


def run_baselines(task: Task, data: Data) -> list[dict[str, Any]]:
    """A row a baseline: `baseline`, `metrics` with intervals, `seconds`, and its `scores` (N, ...) of the test split."""
    train, test = data.splits["train"], data.splits["test"]
    targets = task.targets(test)
    rows = []
    for name, predict in task.baselines.items():
        started = time.perf_counter()
        scores = predict(train, test)
        seconds = time.perf_counter() - started
        found = intervals(task, Evaluation(float("nan"), scores, targets), test, data.kind)
        rows.append(
            {
                "baseline": name,
                "metrics": {"test": found},
                "seconds": round(seconds, 3),
                "scores": scores,
            }
        )
    return rows
