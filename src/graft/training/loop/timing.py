"""The seconds that parts of a training take on this machine now, by trying them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from graft.backbones.backbone import Model, evaluating
from graft.base import env
from graft.base.records import Batch
from graft.data.data import Data
from graft.tasks.task import Task
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed

TRIAL_SECONDS = 0.6
"""About how long each timed call of the second trial may take: a study has many phases to try."""
CALLS = 4
"""How often the time of one example is measured, at most."""
NEW_TOKENS, WRITTEN = 8, 8
"""The tokens that are generated behind the first, for how many texts, to time those of all."""


def writing_seconds(model: Model, task: Task, data: Data, engine: Engine) -> float:
    """The seconds of generating a text for each test example, if metrics are of texts."""
    if not task.measures_texts:
        return 0.0
    test = data.splits["test"]
    few, decoding = test[:WRITTEN], task.decoding
    behind = min(NEW_TOKENS, decoding.max_new_tokens - 1)

    def write(tokens: int) -> float:
        return time_call(lambda: task.generate(model, few, decoding.limit(tokens)))

    with engine.autocast(), _mute_warnings():
        first = write(1)
        further = max(0.0, write(1 + behind) - first) / max(1, behind)
    return (first + further * (decoding.max_new_tokens - 1)) * len(test) / len(few)


@contextmanager
def _mute_warnings() -> Iterator[None]:
    """No warning of texts without an end: those of a trial are cut short by intent."""
    log = logging.getLogger("graft")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def time_call(run: Callable[[], object]) -> float:
    """The seconds of one call; the mean of several if one is short."""
    count, spent = 0, 0.0
    env.synchronize()  # so that earlier work is not counted
    started = time.perf_counter()
    while not count or (spent < TRIAL_SECONDS / 4 and count < 5):
        run()
        env.synchronize()
        count, spent = count + 1, time.perf_counter() - started
    return spent / count


def example_milliseconds(model: Model, feed: Feed, engine: Engine) -> float:
    """The milliseconds of the network on the first example alone, without reading it.

    The least of some calls: others were disturbed by what else the machine does.
    """
    batch = next(feed.stream([[0]]))
    calls = [forward_seconds(model, batch, engine)]  # it allocates
    while len(calls) < CALLS and sum(calls) < TRIAL_SECONDS:
        calls.append(forward_seconds(model, batch, engine))
    return 1000 * min(calls)


def forward_seconds(model: Model, batch: Batch, engine: Engine) -> float:
    """An example's share of a forward without gradients."""

    def forward() -> None:
        with torch.inference_mode(), evaluating(model), engine.autocast():
            model(batch)

    return time_call(forward) / len(batch)
