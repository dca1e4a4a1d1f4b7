"""The figures of the report in a notebook: `graft.plot.learning_curves(study)` draws them.

Each function takes a `Study` or a `Run`, or the folder of one, and returns a drawing: a notebook
shows it as the value of a cell, and its `save` writes it to a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graft.base.errors import BadValue
from graft.base.ranges import check_path
from graft.reports import drawing
from graft.reports.drawing import Drawing
from graft.results import Run, Study

__all__ = ["confusion", "data_efficiency", "leaderboard", "learning_curves", "quality_and_time"]


def learning_curves(results: Study | Run | str | Path) -> Drawing:
    """Draw the validation metric by epoch and by training time, a line for each run."""
    values = _read(results)
    _require(values["convergence"], results, "no run was measured after an epoch", "Train longer")
    return drawing.draw("Learning curves", values, "learning_curves", figures="convergence")


def leaderboard(results: Study | Run | str | Path) -> Drawing:
    """Draw the table of techniques and baselines: test metric with interval, difference, cost."""
    values = _read(results)
    return drawing.draw("Leaderboard", values, "leaderboard")


def quality_and_time(results: Study | Run | str | Path) -> Drawing:
    """Draw the test metric against the seconds of training, with the Pareto front."""
    values = _read(results)
    reason = "fewer than two techniques and baselines have a test metric and a training time"
    _require(values["pareto"], results, reason, "Compare several techniques with graft.compare")
    return drawing.draw("Quality and time", values, "quality_and_time", figures="pareto")


def confusion(results: Study | Run | str | Path) -> Drawing:
    """Draw which class was taken for which, by the technique that validation selects."""
    values = _read(results)
    reason = "its task predicts no single class, or no run has finished"
    _require(values["confusion"], results, reason, "Use a finished run that predicts classes")
    return drawing.draw(f"Confusions of {values['best']}", values, "confusion")


def data_efficiency(results: Study | Run | str | Path) -> Drawing:
    """Draw the test metric against the number of training examples."""
    values = _read(results)
    fix = "Compare on several with graft.compare(data, fractions=[0.1, 0.3, 1.0])"
    _require(values["efficiency"], results, "all its runs have training sets of one size", fix)
    return drawing.draw("Data efficiency", values, "data_efficiency", figures="efficiency")


def _read(results: Study | Run | str | Path) -> dict[str, Any]:
    values = drawing.read_page(_folder(results))
    _require(values["sizes"], results, "no run has begun", "Resume it")
    return values


def _folder(results: Study | Run | str | Path) -> Path:
    return results.folder if isinstance(results, Study | Run) else check_path("results", results)


def _require(content: Any, results: Study | Run | str | Path, reason: str, fix: str) -> None:
    """Raise BadValue if the page has nothing to draw, with the reason and what to do."""
    if not content:
        raise BadValue(f"{_folder(results)} has nothing to draw here: {reason}. {fix}.")
