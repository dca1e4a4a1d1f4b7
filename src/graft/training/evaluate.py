"""What a model says of a split, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graft.backbones.backbone import Model, evaluating
from graft.base.records import Sample
from graft.data.groups import groups
from graft.metrics.intervals import interval
from graft.tasks.task import Metric, Task
from graft.tasks.text.generation import Decoding
from graft.training.engine import Engine
from graft.training.feed import Feed


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, scores (N, ...) and targets (N, ...) of a split, in the order of its samples."""

    loss: float
    scores: np.ndarray
    targets: np.ndarray


def evaluate(model: Model, feed: Feed, engine: Engine) -> Evaluation:
    """Run the model in eval mode over the feed; its training mode is as before afterwards."""
    scores, loss = predict(model, feed, engine)
    return Evaluation(loss, scores, feed.task.targets(feed.windows.samples))


def written(
    model: Model, task: Task, samples: Sequence[Sample], found: Evaluation, engine: Engine, decoding: Decoding | None = None
) -> Evaluation:
    """The evaluation of these samples with what the network writes for each, where the task's metrics are of that."""
    if not task.measures_texts:
        return found
    with engine.autocast():
        texts = task.generated(model, samples, decoding or task.decoding)
    return replace(found, scores=task.with_texts(found.scores, texts))


def predict(model: Model, feed: Feed, engine: Engine) -> tuple[np.ndarray, float]:
    """Scores (N, ...) in the order of the samples, and their mean loss (nan where samples are unlabeled)."""
    found: list[Any] = [None] * len(feed.pieces)
    total, weight = 0.0, 0.0
    with torch.inference_mode(), evaluating(model):
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                output = model(batch.inputs)
            rows = feed.task.rows(output, batch)
            losses = feed.task.losses(output, batch, rows) if batch.target is not None else (float("nan"), len(batch))
            total, weight = total + losses[0], weight + losses[1]
            for row, kept in zip(batch.rows, rows, strict=True):
                found[row] = kept
    return feed.task.scores(found, feed.windows), total / (weight or 1.0)


def in_order(values: Tensor, rows: list[int]) -> Tensor:
    """`values` (N, ...), found in the order `rows`, in the order of the samples; an ordinary tensor."""
    ordered = torch.empty(values.shape, dtype=values.dtype)
    ordered[torch.tensor(rows)] = values
    return ordered


def intervals(task: Task, evaluation: Evaluation, samples: Sequence[Sample], kind: str) -> dict[str, dict[str, float]]:
    """Every metric of the task with its 95 % interval over test sets of such samples or groups."""
    together = groups(samples, kind)
    return {name: _interval(metric, evaluation, together) for name, metric in task.metrics.items()}


def _interval(metric: Metric, evaluation: Evaluation, groups: Sequence[str]) -> dict[str, float]:
    value, low, high = interval(metric, evaluation.scores, evaluation.targets, groups)
    return {"value": value, "low": low, "high": high}
