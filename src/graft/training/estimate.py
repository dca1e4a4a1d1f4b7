"""What a training would do and take, before it is done: phases, what trains, what is recorded, time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch

from graft.backbones.backbone import Model
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique
from graft.training import frozen_prefix, heads, optim
from graft.training.cut import CannotCut
from graft.training.engine import Engine
from graft.training.feed import Feed
from graft.training.frozen_prefix import Prefix
from graft.training.step import step
from graft.training.streams import Streams
from graft.training.trainer import Settings

TIMED = 3
"""Steps that are timed, after one that is not."""


@dataclass(frozen=True)
class PhaseEstimate:
    """One phase: what trains, what is recorded, how long it takes on this machine now."""

    phase: str
    epochs: float | None
    """None where the head is solved for."""
    batch_size: int
    trainable_parameters: int
    recorded_before: str | None
    """The layer group that the recorded tensors enter; None where nothing is recorded, the reason being in `because`."""
    because: str
    gain: float
    """How many times less is computed than without a recording."""
    bytes: int
    seconds: float
    """Training apart from evaluation."""


def estimate(
    model: Model, task: Task, technique: Technique, data: Data, settings: Settings, engine: Engine
) -> list[PhaseEstimate]:
    """Each phase of the technique, tried for a few steps on the first training examples; the model is spoilt by it."""
    preprocess = model.backbone.preprocess
    streams = Streams(data, task, technique, preprocess, engine.device, settings.seed, settings.batch_size, settings.epochs)
    found = []
    for part in technique.parts:
        objective = part.objective(model, task)
        engine.place(objective)
        feed, _ = streams.of(part, objective)
        for phase in part.phases(model, streams.budget(part, objective, feed)):
            found.append(_phase(objective, part, phase, feed, engine))
        model = objective.finish()
    return found


def _phase(objective: Objective, part: Technique, phase: Phase, feed: Feed, engine: Engine) -> PhaseEstimate:
    model = objective.model
    objective.begin(phase)
    names = optim.trainable(model, phase)
    optim.freeze(model, names, part.batch_norm)
    plain = replace(feed, views=phase.views if feed.augments else 1, mixed=phase.mixed)
    prefix, because = None, ""
    try:
        prefix = frozen_prefix.choose(model, plain, phase.epochs, engine)
    except (frozen_prefix.NotWorth, CannotCut) as reason:
        because = str(reason)
    head = heads.solved(phase, objective, at_head=prefix is not None and prefix.cut is None)
    once, each = _seconds(objective, part, phase, names, plain, prefix, engine)
    count, versions = len(feed.pieces), plain.views or 1
    epochs = 0.0 if head else phase.epochs
    without, behind = prefix.work(phase.epochs, versions) if prefix else (1.0, 1.0)
    return PhaseEstimate(
        phase=phase.name,
        epochs=None if head else phase.epochs,
        batch_size=plain.batch_size,
        trainable_parameters=sum(p.numel() for p in objective.parameters() if p.requires_grad),
        recorded_before=prefix.before if prefix else None,
        because=because,
        gain=without / behind,
        bytes=prefix.bytes * count * versions if prefix else 0,
        seconds=once * count * versions + each * count * epochs,
    )


def _seconds(
    objective: Objective, part: Technique, phase: Phase, names: list[str], plain: Feed, prefix: Prefix | None, engine: Engine
) -> tuple[float, float]:
    """Seconds an example for recording it once, and for training on it once."""
    rows = plain.plan((0, 0))[0]
    batch = next(plain.stream([rows], (0, 0)))
    optimizer = optim.make_optimizer(objective.model, [], names, phase, part)
    once = 0.0
    if prefix:
        with torch.no_grad(), prefix.trunk(), engine.autocast():
            once = _time(lambda: objective.model(batch.inputs)) / len(rows)
            batch = prefix.entered(batch, prefix.taken(batch.inputs))
    with prefix.installed() if prefix else nullcontext():
        each = _time(lambda: step(objective, optimizer, engine, batch, 0.0, 1, part.clip)) / len(rows)
    return once, each


def _time(run: Callable[[], object]) -> float:
    run()
    started = time.perf_counter()
    for _ in range(TIMED):
        run()
    return (time.perf_counter() - started) / TIMED
