"""What is recorded of a network that is cut: a `Slot` for each tensor, and which of its dimensions vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Inputs = dict[str, Tensor]


class CannotCut(Exception):
    """The network does not give the same outputs from what enters the module; `args[0]` says why."""


@dataclass(frozen=True)
class Slot:
    """A tensor to record: argument number `leaf` of the boundary, or of the output of the skipped module `module`."""

    module: str
    leaf: int
    batch: int
    """Its dimension that counts the examples."""
    lengths: tuple[int, ...]
    """Its dimensions that are as long as the attention mask; none where every example has the same shape."""

    @property
    def _order(self) -> tuple[int, ...]:
        return self.batch, *self.lengths

    def out(self, tensor: Tensor) -> Tensor:
        """As it is recorded: examples first, then lengths."""
        return tensor.movedim(self._order, tuple(range(len(self._order))))

    def back(self, tensor: Tensor) -> Tensor:
        """As the network knows it."""
        return tensor.movedim(tuple(range(len(self._order))), self._order)


def measure_sizes(inputs: Inputs) -> tuple[int, int | None]:
    """How many examples, and how long the attention mask is, or the tokens where there is none."""
    along = inputs.get("attention_mask", inputs.get("input_ids"))
    return len(next(iter(inputs.values()))), None if along is None else along.shape[1]


def find_dimensions(
    shapes: Sequence[torch.Size], sizes: Sequence[tuple[int, int | None]]
) -> tuple[int, tuple[int, ...]]:
    """Which dimension counts the examples, which are lengths; raises CannotCut where another one changes."""
    (examples, lengths), count = zip(*sizes, strict=True), range(len(shapes[0]))
    along = (
        [tuple(shape[d] for shape in shapes) for d in count]
        if len({len(s) for s in shapes}) == 1
        else []
    )
    batch = next((d for d, there in enumerate(along) if there == examples), None)
    if batch is None:
        raise CannotCut("what enters it is not one tensor an example")
    varying = tuple(d for d in count if d != batch and len(set(along[d])) > 1)
    if any(along[d] != lengths for d in varying):
        raise CannotCut("what enters it changes its shape from batch to batch")
    return batch, varying
