"""Train a model, top to bottom: parts of the technique, their phases, epochs and steps.

No random state is carried from step to step: order and augmentation depend on (seed, phase, epoch,
row), dropout on a seed that is set at each step, the learning rate on progress. Weights, optimizer
state and a step number are therefore all that a checkpoint needs, and a resumed training ends with
the same weights.

Map: `studies.run` calls `train`, which makes a `Run` and calls `_train_part` for each part of the
technique and `_train_phase` for each of its phases. `_begin` freezes, makes the optimizer and the
feeds, from a recording if it pays (see `frozen_prefix`), and restores a checkpoint: all this is the
`Stage`. Then `_train_epoch` takes steps (`step`), `selection` validates and keeps the best weights,
and `candidates` tries weights that no step leads to, as those of a head that is solved for. State:
the `Position` of the run is saved in checkpoints, the `Stage` holds everything else of a phase, and
the objective holds the weights. Nothing else in this folder has state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.base.records import Batch, Batches, Output
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique
from graft.training import checkpoint, history, optim
from graft.training.checkpoint import Checkpoints, Position, checkpoint_path
from graft.training.cost import Clock, PeakMemory
from graft.training.engine import Engine, one_thread
from graft.training.feeds.feed import Feed, inference_batch_size
from graft.training.feeds.feeds import Feeds
from graft.training.frozen import frozen_prefix, proof, recording
from graft.training.frozen.agreement import agree
from graft.training.frozen.frozen_prefix import ALL, Prefix
from graft.training.frozen.slots import CannotCut
from graft.training.frozen.teachers import add_teachers
from graft.training.loop import early_stop
from graft.training.loop.candidates import find_candidates, try_candidates
from graft.training.loop.losses import Means
from graft.training.loop.selection import is_stopped, keep_best, report_epoch, warn
from graft.training.loop.stage import Run, Settings, Stage, feed_of_phase, open_streams
from graft.training.loop.step import step
from graft.training.observers import Observer, Steps
from graft.training.passes import run_pass

SHOW_SECONDS = 0.5
"""The time between two messages on progress, so that drawing them costs nothing."""

STEPS_BETWEEN = 10
"""The least steps between two measurements of the cosines of tasks. One takes about 8 % of a step
for each task, as measured on two tasks of a six-layer encoder, so that five take 4 %."""


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
    """Train the model by the technique, from the checkpoint in the folder if there is one.

    Returns the model, and the final position with all that was measured. Raises GraftError if the
    loss becomes NaN or infinite, or if memory does not hold a single example.
    """
    streams = open_streams(model, task, technique, data, settings, engine)
    checkpoints = Checkpoints(checkpoint_path(folder), settings.checkpoint_seconds)
    saved = checkpoint.read_position(checkpoints.path)
    position = saved or Position()
    resume_at = (saved.part, saved.phase) if saved else None
    history.cut(folder / "history.jsonl", position.history)
    with PeakMemory(position.peak_memory_mb) as memory:
        clock = Clock(position.train_seconds)
        run = Run(settings, engine, folder, observer, position, checkpoints, clock, memory)
        for number, part in enumerate(technique.parts):
            torch.manual_seed(settings.seed + 7919 * number)
            with run.clock.running():
                objective = part.objective(model, task)
            engine.place(objective)
            run.feeds, run.val = streams.make_feeds(part, objective)
            phases = _plan_phases(run, part, model, streams.budget(part, objective, run.feeds.main))
            without_steps = _train_part(run, objective, number, part, phases, resume_at)
            unused = streams.unused_epochs(part, model, len(phases), without_steps)
            if unused and unused not in position.warnings:  # a run that goes on may have it
                position.warnings.append(unused)
            model = objective.finish()
    position.train_seconds, position.peak_memory_mb = run.clock.seconds, memory.megabytes
    return model, position


def _plan_phases(run: Run, part: Technique, model: Model, epochs: float) -> list[Phase]:
    """Return the phases of the part and tell the observer about them."""
    phases = part.phases(model, epochs)
    if not phases:  # everything is frozen, so all runs compute the same features
        optim.freeze(model, [])
        # A pretrained head is never trained alone: no other run would read the features below it.
        run.position.recorded = model.fresh_head and recording.cap() > 0
        return phases
    if epochs < 1 and epochs not in (part.epochs, run.settings.epochs):
        run.observer.note(
            f"{epochs:.0%} of the training split is trained "
            "on, as it is large; --epochs 1 is all of it."
        )
    run.observer.phases([phase.name for phase in phases])
    return phases


def _train_part(
    run: Run,
    objective: Objective,
    number: int,
    part: Technique,
    phases: Sequence[Phase],
    resume_at: tuple[int, int] | None,
) -> int:
    """Train the phases of part `number`, without those before the (part, phase) to resume at.

    Returns how many of them tried candidates and took no steps.
    """
    num_without_steps = 0
    for k, phase in enumerate(phases):
        if resume_at and (number, k) < resume_at:
            continue  # trained before the checkpoint
        run.position.part, run.position.phase = number, k
        num_without_steps += _train_phase(run, objective, part, phase, (number, k) == resume_at)
    return num_without_steps


def _train_phase(
    run: Run, objective: Objective, part: Technique, phase: Phase, resumed: bool
) -> bool:
    """Train one phase; whether candidates were tried in it, without steps."""
    stage = _begin(run, objective, part, phase, resumed)
    with (
        stage.prefix.attach_hooks() if stage.prefix else nullcontext(),
        one_thread() if stage.train.at_head else nullcontext(),
    ):
        if not resumed:
            keep_best(run, stage, report_epoch(run, stage))
        candidates = find_candidates(phase, objective, stage.feeds, stage.train.at_head)
        if candidates is not None:
            try_candidates(run, stage, candidates, partial(_pass_over, run, stage))
        while run.position.step < stage.steps and not is_stopped(run, stage):
            _train_epoch(run, stage)
            keep_best(run, stage, report_epoch(run, stage))
            if run.position.step < stage.steps:
                _save_checkpoint(run, stage)
    _end(run, stage)
    return candidates is not None


def _begin(run: Run, objective: Objective, part: Technique, phase: Phase, resumed: bool) -> Stage:
    """Freeze, make the optimizer, and record the frozen prefix.

    Restores weights and optimizer if the phase is resumed.
    """
    model, position = objective.model, run.position
    objective.begin(phase)
    names = optim.trainable(model, phase)
    optim.freeze(model, names, part.batch_norm, phase.statistics)
    inside = {id(parameter) for parameter in model.network.parameters()}
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    added = [parameter for parameter in trained if id(parameter) not in inside]
    optimizer = run.engine.prepare_optimizer(optim.make_optimizer(model, added, names, phase, part))
    best: dict[str, Tensor] = {}
    losses: dict[str, Tensor] = {}
    if resumed:
        best, losses = checkpoint.restore(run.checkpoints.path, position, objective, optimizer)
        run.engine.scaler = position.scaler
    prefix, train, val = _feeds(run, objective, phase, resumed)
    per_epoch = len(train.main.plan((0, 0)))
    steps = max(1, round(phase.epochs * per_epoch))
    patience = early_stop.patience(part, phase, val.task)
    called = run.engine.wrap(objective)
    feeds = (train, val, prefix)
    stage = Stage(
        part, phase, objective, called, optimizer, *feeds, steps, per_epoch, patience, best
    )
    stage.losses = Means.of(losses, run.engine.device)
    stage.seconds_before, stage.steps_before = run.clock.seconds, position.step if resumed else 0
    if not resumed:
        position.step, position.best, position.stale = 0, None, 0
        position.frozen_digest = proof.digest(model)[1]
    return stage


def _feeds(
    run: Run, objective: Objective, phase: Phase, resumed: bool
) -> tuple[Prefix | None, Feeds, Feed]:
    """Return the feeds of this phase, which read recordings of its frozen prefix if these pay."""
    position = run.position
    plain = run.feeds.map(lambda feed: feed_of_phase(feed, phase))
    with run.clock.running():
        plain = add_teachers(plain, objective, phase.epochs, run.engine, partial(_record, run))
    try:
        with run.clock.running():
            prefix, train = _record_prefix(run, objective, plain, phase)
        val = prefix.record(run.val, run.observer) if prefix else run.val
    except CannotCut as reason:
        name = objective.model.backbone.name
        run.observer.note(f"{name}: its frozen layers run at every epoch, since {reason}.")
        prefix, train, val = None, plain, run.val
    position.recorded = prefix is not None
    if not resumed:
        work = prefix.work(phase.epochs, plain.main.views) if prefix else (ALL * phase.epochs,) * 2
        position.work = [total + part for total, part in zip(position.work, work, strict=True)]
        size = sum(feed.recorded.bytes for feed in (*train.all, val)) if prefix else 0
        position.cache = {
            "used": position.cache["used"] or prefix is not None,
            "estimated_gain": round(position.work[0] / position.work[1], 2),
            "bytes": position.cache["bytes"] + size,
        }
    return prefix, train, val


def _record_prefix(
    run: Run, objective: Objective, plain: Feeds, phase: Phase
) -> tuple[Prefix | None, Feeds]:
    """Return the frozen prefix and feeds that read its recordings, or None and the plain feeds.

    Whichever is estimated to take less time. Raises CannotCut.
    """
    try:
        prefix = frozen_prefix.choose(objective.model, plain, phase.epochs, run.engine)
    except frozen_prefix.NotWorth:
        return None, plain
    behind = plain.map(lambda feed: _record(run, prefix, feed))
    with prefix.attach_hooks():
        if agree(prefix, objective, plain, behind, (0, 0)):
            return prefix, behind
    run.observer.note(
        "The frozen layers run at every epoch: gradients from their recording were not the same."
    )
    return None, plain


def _record(run: Run, prefix: Prefix, plain: Feed) -> Feed:
    """Return the feed behind its recording, whose time is counted."""
    before = prefix.find_recording(plain)
    feed = prefix.record(plain, run.observer)
    counted = run.position.counted
    # Its time counts for this run too, so that no run is cheaper because it came later.
    if before is not None and before.key not in counted:
        run.clock.seconds += before.seconds
        run.position.shared_seconds += before.seconds
    counted.append(feed.recorded.key)
    return feed


def _train_epoch(run: Run, stage: Stage) -> None:
    """Take the steps from the position to the end of its epoch, or of the phase."""
    position = run.position
    epoch, done = divmod(position.step, stage.per_epoch)
    seed = (run.settings.seed * 1009 + position.part * 101 + position.phase, epoch)
    if done == 0:  # a run that goes on inside an epoch has what was learned before it
        with run.clock.running():
            looks = {name: partial(_pass_over, run, stage, name) for name in stage.objective.looks}
            stage.objective.before_epoch(lambda name: looks[name]())
    last = min(stage.per_epoch, done + stage.steps - position.step)
    batches = stage.feeds.stream(seed, range(done, last))
    last_shown = time.perf_counter()
    for _ in range(done, last):
        _take_step(run, stage, batches)
        if time.perf_counter() - last_shown > SHOW_SECONDS:
            _show(run, stage)
            last_shown = time.perf_counter()
        stage.freed.check()
        # At the end of an epoch a checkpoint is saved after the evaluation.
        if position.step % stage.per_epoch and position.step < stage.steps:
            _save_checkpoint(run, stage)


def _pass_over(run: Run, stage: Stage, name: str) -> Iterator[tuple[Batch, Output]]:
    """Run the model over the examples of a stream, each once."""
    feed = stage.feeds.by_stream[name]
    size = inference_batch_size(feed.task, feed.preprocess)
    seed = None if feed.views in (None, 1) else (0, 0)  # a recording has its versions alone
    return run_pass(stage.objective.model, replace(feed, batch_size=size), run.engine, seed)


def _take_step(run: Run, stage: Stage, batches: Iterator[Batches]) -> None:
    """Take one optimizer step on the next batches, and move the position."""
    position, technique = run.position, stage.technique
    with run.clock.running():
        drawn = next(batches)
        progress = (position.step + 0.5) / stage.steps
        schedule = stage.phase.schedule or technique.schedule
        rate = optim.factor(schedule, progress, technique.warmup)
        optim.set_rate(stage.optimizer, rate)
        torch.manual_seed(_step_seed(run))
        pieces = max(position.pieces, technique.accumulate)
        result = step(
            stage.called,
            stage.optimizer,
            run.engine,
            drawn,
            progress,
            pieces,
            technique.clip,
            compare_tasks=_compares_tasks(stage, position.step + 1),
        )
        with run.engine.autocast():
            stage.objective.after_step(progress)
    sizes = [len(batch) for batch in drawn.values()]
    if result.pieces > pieces:
        position.pieces = result.pieces
        warn(
            run,
            f"Memory ran out: each batch of {sizes[0]} is now computed in {result.pieces} "
            "pieces, with the same effective size.",
        )
    position.step += 1
    position.examples += sum(sizes)
    stage.losses.add(result.losses, result.weights)
    stage.cosines = result.cosines


def _compares_tasks(stage: Stage, number: int) -> bool:
    """Whether step `number` measures the cosines of several tasks.

    It is the last one of an epoch, after which no checkpoint comes before its line.
    """
    epochs_between = -(-STEPS_BETWEEN // stage.per_epoch)
    return number == stage.steps or number % (epochs_between * stage.per_epoch) == 0


def _step_seed(run: Run) -> int:
    """Return the seed of the random numbers of this step: dropout is the same after a resume."""
    position = run.position
    part, phase = position.part << 28, position.phase << 24
    return (run.settings.seed << 32) + part + phase + position.step


def _end(run: Run, stage: Stage) -> None:
    position = run.position
    if stage.best:
        checkpoint.load(stage.objective, stage.best)
    count, digest = proof.digest(stage.objective.model)
    position.frozen.append(
        {"phase": stage.phase.name, "tensors": count, "unchanged": digest == position.frozen_digest}
    )
    trained, total = optim.count_weights(stage.objective.model, stage.objective.untouched())
    position.trainable = max(position.trainable, trained)
    position.total = max(position.total, total)
    for note in stage.objective.notes():
        warn(run, note)
    position.steps_before += position.step
    position.epochs_before += position.step / stage.per_epoch


def _save_checkpoint(run: Run, stage: Stage) -> None:
    """Save a checkpoint, unless one was saved a short time ago."""
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
    """Report the progress of the phase to the observer."""
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
