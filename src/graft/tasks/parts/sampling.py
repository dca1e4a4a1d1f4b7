"""How often the examples of each of several tasks are drawn.

A task is drawn by its share, then one of its examples. An example has the labels of other tasks
too, which are learned as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graft.base.records import Sample
from graft.data.kinds.several import known_of

if TYPE_CHECKING:
    from graft.tasks.task import Task


@dataclass(frozen=True)
class LabelCounts:
    """The labels of so many training examples."""

    count: int
    examples: Mapping[str, int]
    """How many examples have the label of each task."""
    amounts: Mapping[str, Mapping[str, float]]
    """Task -> how much of what the loss of each task averages over its examples have in the mean:
    see `Task.amount`."""

    @classmethod
    def of(cls, parts: Mapping[str, Task], samples: Sequence[Sample]) -> LabelCounts:
        """Count the labels of the samples."""
        rows = [_amounts(parts, sample) for sample in samples]
        examples = {name: sum(name in row for row in rows) for name in parts}
        amounts = {
            name: {
                other: sum(row.get(other, 0.0) for row in rows if name in row) / examples[name]
                for other in parts
            }
            for name in parts
        }
        return cls(len(samples), examples, amounts)

    def mean_amounts(self) -> dict[str, float]:
        """Return of each task how much of what its loss averages over an example has."""
        return {
            name: self.amounts[name][name] * n / self.count for name, n in self.examples.items()
        }

    def shares(self, names: Sequence[str], temperature: float) -> dict[str, float]:
        """Return the share of each task: its number of labels to the power of 1 / temperature."""
        powers = {name: self.examples[name] ** (1 / temperature) for name in names}
        return {name: power / sum(powers.values()) for name, power in powers.items()}

    def drawn_amounts(self, shares: Mapping[str, float]) -> dict[str, float]:
        """Return of each task how much of what its loss averages over a drawn example has."""
        return {
            name: sum(share * self.amounts[drawn][name] for drawn, share in shares.items())
            for name in self.examples
        }

    def draw_shares(
        self, shares: Mapping[str, float], samples: Sequence[Sample]
    ) -> tuple[float, ...]:
        """Return how often each of the samples is drawn, in shares whose sum is 1."""
        rates = {name: share / self.examples[name] for name, share in shares.items()}
        weights = [
            sum(rate for name, rate in rates.items() if known_of([sample], name))
            for sample in samples
        ]
        return tuple(weight / sum(weights) for weight in weights)


def _amounts(parts: Mapping[str, Task], sample: Sample) -> dict[str, float]:
    """The amount of each task whose label the sample has."""
    known = {name: known_of([sample], name) for name in parts}
    return {name: parts[name].amount(some[0]) for name, some in known.items() if some}
