"""Evaluate a model on a split: scores, losses and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from graft.backbones.backbone import Model, evaluating
from graft.base.counts import plural
from graft.base.errors import GraftError
from graft.base.records import Sample
from graft.data.groups import groups
from graft.metrics.intervals import interval
from graft.metrics.metric import Metric
from graft.tasks.task import Task
from graft.tasks.text.generation import Decoding
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed

DIVERGED = (
    "the training has diverged, or the precision is too low. "
    "Lower the learning rate (lr=...), or use precision fp32."
)


@dataclass(frozen=True)
class Evaluation:
    """Mean loss, scores (N, ...) and targets (N, ...) of a split, in the order of its samples."""

    loss: float
    scores: np.ndarray
    targets: np.ndarray


def evaluate(model: Model, feed: Feed, engine: Engine) -> Evaluation:
    """Run the model in eval mode over the feed; its training mode is as before afterwards.

    Raises GraftError if its outputs are NaN or infinite.
    """
    scores, loss = predict(model, feed, engine)
    if not math.isfinite(loss):
        raise GraftError(f"The loss on {plural(len(scores), 'example')} is {loss}: {DIVERGED}")
    return Evaluation(loss, scores, feed.task.targets(feed.windows.samples))


def add_texts(
    model: Model,
    task: Task,
    samples: Sequence[Sample],
    evaluation: Evaluation,
    engine: Engine,
    decoding: Decoding | None = None,
) -> Evaluation:
    """Return the evaluation with a generated text for each sample, if metrics are of such texts."""
    if not task.measures_texts:
        return evaluation
    with engine.autocast():
        texts = task.generate(model, samples, decoding or task.decoding)
    return replace(evaluation, scores=task.with_texts(evaluation.scores, texts))


def predict(model: Model, feed: Feed, engine: Engine) -> tuple[np.ndarray, float]:
    """Return scores (N, ...) in the order of the samples, and their mean loss.

    The loss is nan where samples are unlabeled.
    Raises GraftError for scores that are NaN or infinite.
    """
    kept: list[Any] = [None] * len(feed.pieces)
    total, weight = 0.0, 0.0
    with torch.inference_mode(), evaluating(model):
        for batch in feed.stream(feed.plan(None)):
            with engine.autocast():
                output = model(batch)
            rows = feed.task.rows(output, batch)
            losses = (
                feed.task.losses(output, batch, rows)
                if batch.target is not None
                else (float("nan"), len(batch))
            )
            total, weight = total + losses[0], weight + losses[1]
            for row, kept_of_piece in zip(batch.rows, rows, strict=True):
                kept[row] = kept_of_piece
    scores = feed.task.scores(kept, feed.windows)
    _check_finite(scores)
    return scores, total / (weight or 1.0)


def _check_finite(scores: np.ndarray) -> None:
    """Raise GraftError for scores that are NaN or infinite.

    The highest of several NaN would be taken for the first class.
    """
    if scores.dtype == object:  # what such scores are worth shows in their loss
        return
    broken = ~np.isfinite(scores).reshape(len(scores), -1).all(axis=1)
    if broken.any():
        count = f"{broken.sum():,} of {plural(len(scores), 'example')}"
        raise GraftError(f"The network's outputs for {count} are NaN or infinite: {DIVERGED}")


def intervals(
    task: Task, evaluation: Evaluation, samples: Sequence[Sample], kind: str
) -> dict[str, dict[str, Any]]:
    """Every metric of the task with its 95 % interval over test sets of such samples or groups.

    A value that is NaN has a sentence beside it, `undefined`, that says why.
    """
    together = groups(samples, kind)
    return {name: _interval(metric, evaluation, together) for name, metric in task.metrics.items()}


def _interval(metric: Metric, evaluation: Evaluation, groups: Sequence[str]) -> dict[str, Any]:
    value, low, high = interval(metric, evaluation.scores, evaluation.targets, groups)
    measured = {"value": value, "low": low, "high": high}
    return {**measured, "undefined": metric.why_undefined} if math.isnan(value) else measured
