"""The state of a training: its `Settings`, the `Run`, and the `Stage` of one phase.

`trainer` makes and changes them; nothing else writes to them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique
from graft.training.checkpoint import Checkpoints, Position
from graft.training.cost import Clock, PeakMemory
from graft.training.engine import Engine
from graft.training.feeds.feed import Feed
from graft.training.feeds.feeds import Feeds
from graft.training.feeds.streams import Streams
from graft.training.freed_memory import FreedMemory
from graft.training.frozen.frozen_prefix import Prefix
from graft.training.loop.losses import Means
from graft.training.observers import Observer

CHECKPOINT_SECONDS = 30.0


@dataclass(frozen=True)
class Settings:
    """The settings of a training besides model, task, technique and data; None: by the data."""

    seed: int = 0
    epochs: float | None = None
    batch_size: int | None = None
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    """A killed run loses no more than this."""


def open_streams(
    model: Model,
    task: Task,
    technique: Technique,
    data: Data,
    settings: Settings,
    engine: Engine,
) -> Streams:
    """Return what the parts of the technique draw from, as the settings ask for it."""
    return Streams(
        data,
        task,
        technique,
        model.backbone.preprocess,
        engine.device,
        settings.seed,
        settings.batch_size,
        settings.epochs,
    )


def feed_of_phase(feed: Feed, phase: Phase) -> Feed:
    """Return the feed as a phase reads it; samples that are not augmented have one view."""
    views = phase.views if feed.augments else 1
    return replace(feed, views=views, mixed=phase.mixed, epochs=phase.epochs)


@dataclass
class Run:
    """One training: its settings, its tools, and its position."""

    settings: Settings
    engine: Engine
    folder: Path
    observer: Observer
    position: Position
    checkpoints: Checkpoints
    clock: Clock
    memory: PeakMemory
    feeds: Feeds = field(init=False)
    val: Feed = field(init=False)
    started: float = field(default_factory=time.perf_counter)


@dataclass
class Stage:
    """One phase of a training, with the best weights so far if it may stop early or fall back."""

    technique: Technique
    phase: Phase
    objective: Objective
    called: nn.Module
    optimizer: torch.optim.Optimizer
    feeds: Feeds
    val: Feed
    prefix: Prefix | None
    steps: int
    per_epoch: int
    patience: int | None
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds_before: float = 0.0
    steps_before: int = 0
    losses: Means = field(default_factory=Means)
    cosines: dict[str, Tensor] = field(default_factory=dict)
    """Between the gradients of several tasks, in the last step: see `task_cosines`."""
    freed: FreedMemory = field(default_factory=FreedMemory)

    @property
    def train(self) -> Feed:
        """The feed whose passes are the epochs."""
        return self.feeds.main
