"""Candidate weights of a head, tried in turn; the best on validation are kept."""

from __future__ import annotations

import math

from graft.training.loop.selection import report_epoch
from graft.training.loop.stage import Run, Stage
from graft.training.solvers.solution import PATIENCE
from graft.training.solvers.solvers import Solved


def solve_head(run: Run, stage: Stage, solved: Solved) -> None:
    """Solve for the head at one strength of the penalty, or temperature, after the other.

    The one with the least validation loss is kept.
    """
    head, position = solved.layer, run.position
    kept, best, least, stale = {}, head.state_dict(), math.inf, 0
    stage.per_epoch = 1
    with run.clock.running():
        solutions = solved.solver.path(stage.objective, head, stage.train)
    while stale < PATIENCE:
        with run.clock.running():
            solution = next(solutions, None)
        if solution is None:
            break
        position.step += solution.passes
        position.examples += solution.passes * len(stage.train.pieces)
        stage.losses.add(solution.losses, dict.fromkeys(solution.losses, 1.0))
        loss = report_epoch(run, stage, solution.chosen)["loss"]
        stale = 0 if loss < least else stale + 1
        if stale == 0:
            kept, least = solution.chosen, loss
            best = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    head.load_state_dict(best)
    stage.steps = position.step
    if stale:
        report_epoch(run, stage, kept)
