"""The parts of a leaderboard: its cells and rows, and the choice at each training size."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from graft.metrics.metric import Metric
from graft.reports.read import Run, Study
from graft.reports.statistics import Difference, Interval
from graft.reports.words import is_known
from graft.techniques.specs.combine import control_named
from graft.training.validators.validator import VAL


@dataclass(frozen=True)
class Size:
    """The share of the training split that was used."""

    fraction: float
    shots: int | None


@dataclass(frozen=True)
class Cell:
    """What the runs of a row share. A baseline has no backbone."""

    name: str
    backbone: str | None
    size: Size

    @property
    def is_baseline(self) -> bool:
        return self.backbone is None

    @property
    def is_control(self) -> bool:
        """Whether it is what other techniques are held against, such as training from scratch."""
        return not self.is_baseline and control_named(self.name) is not None


@dataclass(frozen=True)
class Row:
    """The runs of a cell and their results, as means over the seeds; None if no run has finished.

    `words` is what a person calls it. `watched` is the metric of validation, another one than
    `metric` if that is measured on the test split alone.
    """

    cell: Cell
    words: str
    metric: Metric
    runs: list[Run]
    seeds: list[int]
    score: Interval | None = None
    others: Mapping[str, float] | None = None
    val: float | None = None
    watched: Metric | None = None
    val_loss: float | None = None
    validators: Mapping[str, float | None] = field(default_factory=dict)
    """What validators say that look at no label of the target; empty without a target."""
    selected_by: str = VAL
    """What techniques are chosen by: `val`, or one of `validators`."""
    to_control: Difference | None = None
    p_corrected: float | None = None
    cost: Mapping[str, float | None] | None = None
    frozen: bool | None = None
    train_examples: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether the test metric has a value: a run has finished, and it is not undefined."""
        return self.score is not None and is_known(self.score.value)

    @property
    def quality(self) -> float:
        """The test metric of a measured row, turned so that more is better."""
        return self.metric.sign * self.score.value

    @property
    def val_quality(self) -> float:
        """What techniques are chosen by, turned so that more is better; -inf if it is not known."""
        return self.rating(self.selected_by)

    def rating(self, by: str) -> float:
        """The value of a validator, or of `val`, turned so that more is better; -inf if unknown."""
        value = self.val if by == VAL else self.validators.get(by)
        sign = self.watched.sign if by == VAL and self.watched else 1
        return sign * value if is_known(value) else -math.inf

    @property
    def unfinished(self) -> list[Run]:
        return [run for run in self.runs if not run.result]


def best_row(rows: Iterable[Row], by: str | None = None) -> Row | None:
    """Return the measured row with the best rating by a validator or `val`.

    By default that is what the study selects by. Ties by the loss, then by the training time.
    """

    def rank(row: Row) -> tuple[float, float, float]:
        seconds = (row.cost or {}).get("train_seconds")
        return row.rating(by or row.selected_by), -(row.val_loss or 0), -(seconds or 0)

    rated = (row for row in rows if row.is_measured and rank(row)[0] > -math.inf)
    return max(rated, key=rank, default=None)


@dataclass(frozen=True)
class Beside:
    """Another technique, and by how much the selected one is better.

    The p-value is corrected over all pairs of techniques (Holm).
    """

    row: Row
    difference: Difference
    p: float


@dataclass(frozen=True)
class Choice:
    """The selected technique at one training size, and its differences to control and baseline.

    `best` is the technique that validation selects. The baseline is the best on the test split,
    which favors it. `others` are the other techniques.
    """

    size: Size
    best: Row | None
    control: Row | None
    baseline: Row | None
    to_control: Difference | None
    to_baseline: Difference | None
    p_control: float | None
    p_baseline: float | None
    """Corrected over the comparisons of all techniques with control and baseline at this size."""
    others: tuple[Beside, ...] = ()


@dataclass(frozen=True)
class Board:
    """All rows, the best by validation first, and the choice at each size, the largest first.

    `test_groups` is the number of groups of test examples: that of the examples if none are about
    the same.
    """

    study: Study
    metric: Metric
    rows: list[Row]
    choices: list[Choice]
    test_examples: int
    test_groups: int

    def at(self, size: Size) -> list[Row]:
        return [row for row in self.rows if row.cell.size == size]


def watched_metric(measured: Collection[str], metric: str) -> str:
    """The metric by which validation ranks networks: the primary one, or the one after the loss."""
    return (
        metric
        if metric in measured
        else next((name for name in measured if name != "loss"), metric)
    )
