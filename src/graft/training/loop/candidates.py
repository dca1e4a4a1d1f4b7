"""Candidate weights of a phase, tried in turn; the best on validation are kept.

A run that is stopped among them tries them again from the first, which gives the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from graft.techniques.specs.candidates import Candidates, Rank, SolvedHead, advance
from graft.techniques.technique import Look, Objective, Phase
from graft.training import checkpoint
from graft.training.feeds.feeds import Feeds
from graft.training.frozen import proof
from graft.training.loop import early_stop
from graft.training.loop.selection import report_epoch, warn
from graft.training.loop.stage import Run, Stage
from graft.training.loop.statistics import renew_statistics
from graft.training.solvers import solvers


def find_candidates(
    phase: Phase, objective: Objective, feeds: Feeds, at_head: bool
) -> Candidates | None:
    """Return what the phase tries; None if it trains by steps.

    `at_head` says whether the inputs of the head are recorded.
    """
    if not isinstance(phase.candidates, SolvedHead):
        return phase.candidates
    if feeds.main.shares is not None:  # a solver takes each example once
        return None
    solved = solvers.find_solver(phase, objective, at_head, len(feeds.all))
    return None if solved is None else solved.candidates(feeds.main)


def try_candidates(run: Run, stage: Stage, candidates: Candidates, look: Look) -> None:
    """Put one candidate after the other into the objective; keep the best on validation.

    Of equal ones the first is kept; without any candidate the weights stay as they are.
    """
    position = run.position
    kept: dict[str, float] = {}
    best, least, stale = _copy_weights(stage), [math.inf], 0
    stage.per_epoch = 1
    path = candidates.path(stage.objective, look)
    rank: Rank | None = None
    while candidates.patience is None or stale < candidates.patience:
        with run.clock.running():
            candidate = advance(path, rank)
            if candidate is None:
                break
            if candidates.are_averages:
                renew_statistics(stage.objective.model, stage.train, run.engine)
        position.step += candidate.passes
        position.examples += candidate.passes * len(stage.train.pieces)
        stage.losses.add(candidate.losses, dict.fromkeys(candidate.losses, 1.0))
        rank = early_stop.rank(report_epoch(run, stage, candidate.chosen), stage.val.task)
        stale = 0 if rank < least else stale + 1
        if stale == 0:
            kept, least, best = candidate.chosen, rank, _copy_weights(stage)
    checkpoint.load(stage.objective, best)
    stage.steps = position.step
    if stale:
        report_epoch(run, stage, kept)
    if candidates.are_averages and kept:
        warn(run, _describe_kept(stage.phase.name, kept))


def _describe_kept(phase: str, kept: Mapping[str, float]) -> str:
    words = ", ".join(f"{name} {value:g}" for name, value in kept.items())
    if kept.get("alpha") == 0:
        words += ", the weights from before the training, which so had no effect"
    return f"{phase} kept {words}."


def _copy_weights(stage: Stage) -> dict[str, Tensor]:
    """A copy of all that the phase may change."""
    return {name: tensor.clone() for name, tensor in proof.moving(stage.objective).items()}
