"""What a task says of itself as one of several that are learned at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from graft.base.records import Batch, Output, Sample
from graft.metrics.metric import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from graft.tasks.task import Task


TASK = "task."
"""The prefix of the names of the losses of several tasks."""
BETWEEN = " & "
"""Between the names of two tasks that are compared."""


class OneOfSeveral:
    """The part of the contract of a task that several tasks at once ask each for."""

    metrics: dict[str, Metric]

    @property
    def parts(self) -> Mapping[str, Task]:
        """The tasks that it is made of, by their names; none of a single task."""
        return {}

    @property
    def learned_parts(self) -> Mapping[str, Task]:
        """Those of its tasks that are learned."""
        return self.parts

    def drawn_by(self, temperature: float | None) -> Task:
        """Return the task as it is learned from examples that are drawn by this temperature.

        None draws each once. A single task is drawn the same at any.
        """
        return self

    def draw_shares(self, samples: Sequence[Sample]) -> tuple[float, ...] | None:
        """Return how often each is drawn in training, in shares of 1; None: once an epoch."""
        return None

    @property
    def read_as(self) -> Task:
        """The task as which data to predict are read; of several tasks one of them."""
        return self

    @property
    def compared_by(self) -> Metric:
        """The metric that is averaged with those of other tasks: at most 1, higher is better."""
        return next(iter(self.metrics.values()))

    def named_losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the `loss` as "task"; of several tasks that of each, of which it is the sum."""
        return {"task": self.loss(output, batch)}

    def amount(self, sample: Sample) -> float:
        """Return about how much of what `loss_weight` counts a labeled sample has."""
        return 1.0

    def mistake(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the row of a wrong prediction, of several tasks with those that are wrong."""
        return row

    @property
    def severity_unit(self) -> float:
        """The size of a bad mistake in `severity`, by which those of other tasks are compared."""
        return 1.0
