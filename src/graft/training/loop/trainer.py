"""One training, top to bottom: parts of the technique, their phases, epochs and steps.

Nothing random is carried from step to step: order and augmentation depend on (seed, phase, epoch,
row), dropout on a seed set at each step, the rate on progress. So weights, optimizer state and a
step number are all there is to save, and a training that goes on from a checkpoint ends at the
same weights.

Map: `studies.run` calls `train`, which makes a `Run` and calls `_train_phase` for each phase of
each part. `_begin` freezes, makes the optimizer and the feeds, behind a recording if it pays (see
`frozen_prefix`), and restores a checkpoint; what it made is the `Stage`. Then `_train_epoch` takes
steps (`step`), `selection` validates and keeps the best weights, and `candidates` tries solutions
for a head that is not stepped. State: the `Position` in the run is what a checkpoint holds, the
`Stage` holds what a phase needs beside it, and the objective holds the weights. Nothing else in
this folder has any.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique
from graft.training import checkpoint, history, optim
from graft.training.checkpoint import Checkpoints, Position, checkpoint_path
from graft.training.cost import Clock, PeakMemory
from graft.training.engine import Engine, one_thread
from graft.training.feeds.feed import Feed
from graft.training.frozen import frozen_prefix, proof, recording
from graft.training.frozen.agreement import agree
from graft.training.frozen.frozen_prefix import ALL, Prefix
from graft.training.frozen.slots import CannotCut
from graft.training.loop import early_stop
from graft.training.loop.candidates import solve_head
from graft.training.loop.losses import Means
from graft.training.loop.selection import is_stopped, keep_best, report_epoch, warn
from graft.training.loop.stage import Run, Settings, Stage, open_streams
from graft.training.loop.step import step
from graft.training.observers import Observer, Steps
from graft.training.solvers import solvers

SHOW_SECONDS = 0.5


def train(
    model: Model,
    task: Task,
    technique: Technique,
    data: Data,
    settings: Settings,
    engine: Engine,
    folder: Path,
    observer: Observer,
) -> tuple[Model, Position]:
    """Train the model by the technique, going on from the checkpoint in the folder if there is one.

    Returns the model, and where the training ended with all that was measured. Raises GraftError if
    the loss becomes NaN or infinite, or if memory does not hold a single example.
    """
    streams = open_streams(model, task, technique, data, settings, engine)
    checkpoints = Checkpoints(checkpoint_path(folder), settings.checkpoint_seconds)
    saved = checkpoint.read_position(checkpoints.path)
    position = saved or Position()
    history.cut(folder / "history.jsonl", position.history)
    with PeakMemory(position.peak_memory_mb) as memory:
        clock = Clock(position.train_seconds)
        run = Run(settings, engine, folder, observer, position, checkpoints, clock, memory)
        for number, part in enumerate(technique.parts):
            torch.manual_seed(settings.seed + 7919 * number)
            with run.clock.running():
                objective = part.objective(model, task)
            engine.place(objective)
            run.train, run.val = streams.make_feeds(part, objective)
            epochs = streams.budget(part, objective, run.train)
            phases = part.phases(model, epochs)
            if phases and epochs < 1 and epochs not in (part.epochs, settings.epochs):
                observer.note(
                    f"{epochs:.0%} of the training split is trained on, as it is large; --epochs 1 "
                    "is all of it."
                )
            if phases:
                observer.phases([phase.name for phase in phases])
            else:  # all of it is frozen, and what it makes of the data is the same for every run
                optim.freeze(model, [])
                position.recorded = recording.cap() > 0
            for k, phase in enumerate(phases):
                if saved and (number, k) < (saved.part, saved.phase):
                    continue  # trained before the checkpoint
                position.part, position.phase = number, k
                _train_phase(run, objective, part, phase, resumed=saved is not None)
                saved = None
            model = objective.finish()
    position.train_seconds, position.peak_memory_mb = run.clock.seconds, memory.megabytes
    return model, position


def _train_phase(
    run: Run, objective: Objective, part: Technique, phase: Phase, resumed: bool
) -> None:
    stage = _begin(run, objective, part, phase, resumed)
    with (
        stage.prefix.attach_hooks() if stage.prefix else nullcontext(),
        one_thread() if stage.train.at_head else nullcontext(),
    ):
        if not resumed:
            keep_best(run, stage, report_epoch(run, stage))
        solved = solvers.find_solver(phase, objective, stage.train.at_head)
        if solved is not None:
            solve_head(run, stage, solved)
        while run.position.step < stage.steps and not is_stopped(run, stage):
            _train_epoch(run, stage)
            keep_best(run, stage, report_epoch(run, stage))
            if run.position.step < stage.steps:
                _save_checkpoint(run, stage)
    _end(run, stage)


def _begin(run: Run, objective: Objective, part: Technique, phase: Phase, resumed: bool) -> Stage:
    """Freeze, make the optimizer, record the frozen prefix.

    Restores weights and optimizer of a run that goes on.
    """
    model, position = objective.model, run.position
    objective.begin(phase)
    names = optim.trainable(model, phase)
    optim.freeze(model, names, part.batch_norm)
    inside = {id(parameter) for parameter in model.network.parameters()}
    added = [
        parameter
        for parameter in objective.parameters()
        if parameter.requires_grad and id(parameter) not in inside
    ]
    position.trainable = max(
        position.trainable, sum(p.numel() for p in objective.parameters() if p.requires_grad)
    )
    optimizer = run.engine.prepare_optimizer(optim.make_optimizer(model, added, names, phase, part))
    best: dict[str, Tensor] = {}
    losses: dict[str, Tensor] = {}
    if resumed:
        best, losses = checkpoint.restore(run.checkpoints.path, position, objective, optimizer)
        run.engine.scaler = position.scaler
    prefix, train, val = _feeds(run, objective, phase, resumed)
    per_epoch = len(train.plan((0, 0)))
    steps = max(1, round(phase.epochs * per_epoch))
    patience = early_stop.patience(part, phase, val.task)
    called = run.engine.wrap(objective)
    stage = Stage(
        part,
        phase,
        objective,
        called,
        optimizer,
        train,
        val,
        prefix,
        steps,
        per_epoch,
        patience,
        best,
    )
    stage.losses = Means.of(losses, run.engine.device)
    stage.seconds_before, stage.steps_before = run.clock.seconds, position.step if resumed else 0
    if not resumed:
        position.step, position.best, position.stale = 0, None, 0
        position.frozen_digest = proof.digest(model)[1]
    return stage


def _feeds(
    run: Run, objective: Objective, phase: Phase, resumed: bool
) -> tuple[Prefix | None, Feed, Feed]:
    """The feeds of this phase, behind recordings of its frozen prefix where that spares enough."""
    position = run.position
    plain = replace(run.train, views=phase.views if run.train.augments else 1, mixed=phase.mixed)
    try:
        with run.clock.running():
            prefix, train = _record_prefix(run, objective, plain, phase)
        val = prefix.record(run.val, run.observer) if prefix else run.val
    except CannotCut as reason:
        run.observer.note(
            f"{objective.model.backbone.name}: its frozen layers run at every epoch, since "
            f"{reason}."
        )
        prefix, train, val = None, plain, run.val
    position.recorded = prefix is not None
    if not resumed:
        without, behind = (
            prefix.work(phase.epochs, plain.views) if prefix else (ALL * phase.epochs,) * 2
        )
        position.work = [position.work[0] + without, position.work[1] + behind]
        size = train.recorded.bytes + val.recorded.bytes if prefix else 0
        position.cache = {
            "used": position.cache["used"] or prefix is not None,
            "estimated_gain": round(position.work[0] / position.work[1], 2),
            "bytes": position.cache["bytes"] + size,
        }
    return prefix, train, val


def _record_prefix(
    run: Run, objective: Objective, plain: Feed, phase: Phase
) -> tuple[Prefix | None, Feed]:
    """Return the frozen prefix and the training feed behind it, or None and the plain feed.

    Whichever takes less time. Raises CannotCut.
    """
    try:
        prefix = frozen_prefix.choose(objective.model, plain, phase.epochs, run.engine)
    except frozen_prefix.NotWorth:
        return None, plain
    before = prefix.find_recording(plain)
    feed = prefix.record(plain, run.observer)
    counted = run.position.counted
    # What it took counts here too: no run is cheaper for coming later.
    if before is not None and before.key not in counted:
        run.clock.seconds += before.seconds
        run.position.shared_seconds += before.seconds
    counted.append(feed.recorded.key)
    with prefix.attach_hooks():
        if agree(prefix, objective, plain, feed, (0, 0)):
            return prefix, feed
    run.observer.note(
        "The frozen layers run at every epoch: gradients behind their recording were not the same."
    )
    return None, plain


def _train_epoch(run: Run, stage: Stage) -> None:
    """The steps from the position to the end of its epoch, or of the phase."""
    position = run.position
    epoch, done = divmod(position.step, stage.per_epoch)
    seed = (run.settings.seed * 1009 + position.part * 101 + position.phase, epoch)
    rows = list(islice(stage.train.plan(seed), done, done + stage.steps - position.step))
    batches = stage.train.stream(rows, seed)
    shown = time.perf_counter()
    for _ in rows:
        with run.clock.running():
            batch = next(batches)
            progress = (position.step + 0.5) / stage.steps
            optim.set_rate(
                stage.optimizer,
                optim.factor(stage.technique.schedule, progress, stage.technique.warmup),
            )
            torch.manual_seed(
                (run.settings.seed << 32)
                + (position.part << 28)
                + (position.phase << 24)
                + position.step
            )
            pieces = max(position.pieces, stage.technique.accumulate)
            result = step(
                stage.called,
                stage.optimizer,
                run.engine,
                batch,
                progress,
                pieces,
                stage.technique.clip,
            )
            stage.objective.after_step(progress)
        if result.pieces > pieces:
            position.pieces = result.pieces
            warn(
                run,
                f"Memory ran out: each batch of {len(batch)} is now computed in {result.pieces} "
                "pieces, with the same effective size.",
            )
        position.step += 1
        position.examples += len(batch)
        stage.losses.add(result.losses, result.weights)
        if time.perf_counter() - shown > SHOW_SECONDS:
            _show(run, stage)
            shown = time.perf_counter()
        stage.freed.look()
        if (
            position.step % stage.per_epoch and position.step < stage.steps
        ):  # else after the evaluation that follows
            _save_checkpoint(run, stage)


def _end(run: Run, stage: Stage) -> None:
    position = run.position
    if stage.best:
        stage.objective.load_state_dict(stage.objective.state_dict() | stage.best)
    count, digest = proof.digest(stage.objective.model)
    position.frozen.append(
        {"phase": stage.phase.name, "tensors": count, "unchanged": digest == position.frozen_digest}
    )
    position.steps_before += position.step
    position.epochs_before += position.step / stage.per_epoch


def _save_checkpoint(run: Run, stage: Stage) -> None:
    """Save where the training stands, unless that was done a short time ago."""
    if not run.checkpoints.due():
        return
    run.clock.settle()
    here = replace(
        run.position,
        train_seconds=run.clock.seconds,
        earlier_seconds=run.position.earlier_seconds + time.perf_counter() - run.started,
        peak_memory_mb=run.memory.megabytes,
        scaler=run.engine.scaler,
    )
    warning = run.checkpoints.save(
        here, stage.objective, stage.optimizer, stage.best, stage.losses.state()
    )
    if warning:
        warn(run, warning)


def _show(run: Run, stage: Stage) -> None:
    """Tell the observer how far the phase has come."""
    run.clock.settle()
    seconds, done = run.clock.seconds - stage.seconds_before, run.position.step - stage.steps_before
    loss = sum(stage.losses.read().values())
    rate = max(group["lr"] for group in stage.optimizer.param_groups)
    pace = done / max(seconds, 1e-9)
    size = len(stage.train.pieces) / stage.per_epoch
    run.observer.step(
        Steps(
            phase=stage.phase.name,
            done=run.position.step,
            total=stage.steps,
            loss=loss,
            lr=rate,
            samples_per_second=pace * size,
            seconds_left=(stage.steps - run.position.step) / max(pace, 1e-9),
        )
    )
