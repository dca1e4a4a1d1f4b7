"""One training, top to bottom: parts of the technique, their phases, epochs, steps; exact resume from a checkpoint.

Nothing random is carried from step to step: order and augmentation depend on (seed, phase, epoch, row), dropout on a
seed set at each step, the rate on progress. So weights, optimizer state and a step number are all there is to save.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Model
from graft.base.errors import GraftError
from graft.data.data import Data
from graft.tasks.task import Task
from graft.techniques.technique import Objective, Phase, Technique
from graft.training import checkpoint, history, optim
from graft.training.checkpoint import Checkpoints, Position, checkpoint_path
from graft.training.cost import Clock, PeakMemory
from graft.training.engine import Engine, one_thread
from graft.training.evaluate import evaluate
from graft.training.feeds.feed import Feed
from graft.training.feeds.streams import Streams
from graft.training.frozen import frozen_prefix, proof, recording
from graft.training.frozen.cut import CannotCut
from graft.training.frozen.frozen_prefix import ALL, Prefix
from graft.training.loop import early_stop
from graft.training.loop.losses import Means
from graft.training.loop.stage import Run, Settings, Stage
from graft.training.loop.step import step
from graft.training.observers import Observer
from graft.training.solvers import logistic, solvers

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
    """Train the model by the technique, going on from the checkpoint in the folder where there is one.

    Returns the model, and where the training ended with all that was measured. Raises GraftError when the loss is no
    number any more, or when memory does not hold a single example.
    """
    preprocess = model.backbone.preprocess
    streams = Streams(
        data,
        task,
        technique,
        preprocess,
        engine.device,
        settings.seed,
        settings.batch_size,
        settings.epochs,
    )
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
            run.train, run.val = streams.of(part, objective)
            epochs = streams.budget(part, objective, run.train)
            phases = part.phases(model, epochs)
            if phases and epochs < 1 and epochs not in (part.epochs, settings.epochs):
                observer.note(
                    f"{epochs:.0%} of the training split is trained on, as it is large; --epochs 1 is all of it."
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
        stage.prefix.installed() if stage.prefix else nullcontext(),
        one_thread() if stage.train.at_head else nullcontext(),
    ):
        if not resumed:
            _keep_best(run, stage, _report_epoch(run, stage))
        head = solvers.solved(phase, objective, stage.train.at_head)
        if head is not None:
            _solve(run, stage, head)
        while run.position.step < stage.steps and not _stopped(run, stage):
            _train_epoch(run, stage)
            _keep_best(run, stage, _report_epoch(run, stage))
            if run.position.step < stage.steps:
                _save_checkpoint(run, stage)
    _end(run, stage)


def _begin(run: Run, objective: Objective, part: Technique, phase: Phase, resumed: bool) -> Stage:
    """Freeze, make the optimizer, record the frozen prefix; restore weights and optimizer of a run that goes on."""
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
            prefix, train = _recorded(run, objective, plain, phase)
        val = prefix.record(run.val, run.observer) if prefix else run.val
    except CannotCut as reason:
        run.observer.note(
            f"{objective.model.backbone.name}: its frozen layers run at every epoch, since {reason}."
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


def _recorded(
    run: Run, objective: Objective, plain: Feed, phase: Phase
) -> tuple[Prefix | None, Feed]:
    """The frozen prefix and the training feed behind it, none and the plain feed where that pays; raises CannotCut."""
    try:
        prefix = frozen_prefix.choose(objective.model, plain, phase.epochs, run.engine)
    except frozen_prefix.NotWorth:
        return None, plain
    before = prefix.recorded(plain)
    feed = prefix.record(plain, run.observer)
    counted = run.position.counted
    if (
        before is not None and before.key not in counted
    ):  # what it took counts here too: no run is cheaper for coming later
        run.clock.seconds += before.seconds
        run.position.shared_seconds += before.seconds
    counted.append(feed.recorded.key)
    with prefix.installed():
        if frozen_prefix.agree(prefix, objective, plain, feed, (0, 0)):
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
            _warn(
                run,
                f"Memory ran out: each batch of {len(batch)} is now computed in {result.pieces} pieces, "
                "with the same effective size.",
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


def _solve(run: Run, stage: Stage, head: nn.Linear) -> None:
    """Solve for the head, a strength of the penalty (or temperature) after the other; keep the one of least validation loss."""
    position, kept, best, least, stale = run.position, {}, head.state_dict(), math.inf, 0
    stage.per_epoch = 1
    with run.clock.running():
        solutions = solvers.SOLVERS[stage.phase.solver](stage.objective, head, stage.train)
    while stale < logistic.PATIENCE:
        with run.clock.running():
            solution = next(solutions, None)
        if solution is None:
            break
        position.step += solution.passes
        position.examples += solution.passes * len(stage.train.pieces)
        stage.losses.add(solution.losses, dict.fromkeys(solution.losses, 1.0))
        loss = _report_epoch(run, stage, solution.chosen)["loss"]
        stale = 0 if loss < least else stale + 1
        if stale == 0:
            kept, least = solution.chosen, loss
            best = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    head.load_state_dict(best)
    stage.steps = position.step
    if stale:
        _report_epoch(run, stage, kept)


def _report_epoch(run: Run, stage: Stage, rate: dict[str, float] | None = None) -> dict[str, float]:
    """Evaluate, write the line of history, tell the observer; the validation loss and metric.

    `rate` stands in the line in place of the learning rate. Raises GraftError for a training loss that is no number.
    """
    position = run.position
    run.clock.settle()
    losses = stage.losses.read()
    if not all(math.isfinite(value) for value in losses.values()):
        raise GraftError(
            f"The loss became {losses} in phase {stage.phase.name!r}. Lower the learning rate (lr=...), or use precision fp32."
        )
    found = evaluate(stage.objective.model, stage.val, run.engine)
    name, metric = next(iter(stage.val.task.watched.items()))
    split = (
        "val" if "labeled" in stage.technique.streams else "held_out"
    )  # what texts alone teach is measured on other texts
    values = {"loss": found.loss, name: metric(found.scores, found.targets)}
    row = {
        "phase": stage.phase.name,
        "epoch": round(position.epochs_before + position.step / stage.per_epoch, 4),
        "step": position.steps_before + position.step,
        "train_seconds": round(run.clock.seconds, 3),
        **(rate or {"lr": max(group["lr"] for group in stage.optimizer.param_groups)}),
        "losses": losses,
        split: values,
    }
    history.append(run.folder / "history.jsonl", row)
    position.history += 1
    stage.losses = Means()
    run.observer.epoch(row)
    return values


def _keep_best(run: Run, stage: Stage, values: dict[str, float]) -> None:
    """Keep the weights if the phase may end with them and they are the best on validation."""
    position, phase, val = run.position, stage.phase, stage.val
    examples = len(val.windows.samples)
    if not early_stop.is_candidate(phase, stage.patience, position.step, stage.steps, examples):
        return
    if early_stop.count(position, values, val.task, stage.patience):
        stage.best = {
            name: tensor.clone() for name, tensor in proof.moving(stage.objective).items()
        }
    elif stage.patience is None:
        _warn(run, early_stop.FELL_BACK.format(phase=phase.name))


def _stopped(run: Run, stage: Stage) -> bool:
    """Whether the phase has stopped early; a run that is resumed after that trains no further."""
    return stage.patience is not None and run.position.stale >= stage.patience


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
        _warn(run, warning)


def _show(run: Run, stage: Stage) -> None:
    """Tell the observer how far the phase has come."""
    run.clock.settle()
    seconds, done = run.clock.seconds - stage.seconds_before, run.position.step - stage.steps_before
    loss = sum(stage.losses.read().values())
    rate = max(group["lr"] for group in stage.optimizer.param_groups)
    pace = done / max(seconds, 1e-9)
    size = len(stage.train.pieces) / stage.per_epoch
    run.observer.step(
        stage.phase.name,
        run.position.step,
        stage.steps,
        loss,
        rate,
        pace * size,
        (stage.steps - run.position.step) / max(pace, 1e-9),
    )


def _warn(run: Run, message: str) -> None:
    run.position.warnings.append(message)
    run.observer.note(message)
