"""Measure the model between epochs, write the line of history, and keep the best weights."""

from __future__ import annotations

import math

from graft.base.errors import GraftError
from graft.training import history
from graft.training.evaluate import evaluate
from graft.training.frozen import proof
from graft.training.loop import early_stop
from graft.training.loop.losses import Means
from graft.training.loop.stage import Run, Stage


def report_epoch(run: Run, stage: Stage, rate: dict[str, float] | None = None) -> dict[str, float]:
    """Evaluate, write the line of history, and report it; return the validation loss and metric.

    `rate` stands in the line in place of the learning rate. Raises GraftError if the training loss
    is NaN or infinite.
    """
    position = run.position
    run.clock.settle()
    losses = stage.losses.read()
    if not all(math.isfinite(value) for value in losses.values()):
        raise GraftError(
            f"The loss became {losses} in phase {stage.phase.name!r}. Lower the learning rate "
            "(lr=...), or use precision fp32."
        )
    with stage.objective.measured_model() as model:
        evaluation = evaluate(model, stage.val, run.engine)
    name, metric = next(iter(stage.val.task.watched.items()))
    split = "held_out" if stage.feeds.holds_out else "val"
    values = {
        "loss": evaluation.loss,
        name: metric(evaluation.scores, evaluation.targets),
    }
    row = {
        "phase": stage.phase.name,
        "epoch": round(position.epochs_before + position.step / stage.per_epoch, 4),
        "step": position.steps_before + position.step,
        "train_seconds": round(run.clock.seconds, 3),
        **(rate or {"lr": max(group["lr"] for group in stage.optimizer.param_groups)}),
        "losses": losses,
        split: values,
    }
    if stage.cosines:
        row["cosines"] = {pair: round(float(value), 4) for pair, value in stage.cosines.items()}
        stage.cosines = {}
    history.append(run.folder / "history.jsonl", row)
    position.history += 1
    stage.losses = Means()
    run.observer.epoch(row)
    return values


def keep_best(run: Run, stage: Stage, values: dict[str, float]) -> None:
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
        warn(run, early_stop.FELL_BACK.format(phase=phase.name))


def is_stopped(run: Run, stage: Stage) -> bool:
    """Whether the phase has stopped early; a run that is resumed after that trains no further."""
    return stage.patience is not None and run.position.stale >= stage.patience


def warn(run: Run, message: str) -> None:
    """Keep a warning for the result of the run, and show it now."""
    run.position.warnings.append(message)
    run.observer.note(message)
