"""The tensors that are recorded of a cut network: a `Slot` for each, with its dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from graft.base.records import Batch


class CannotCut(Exception):
    """The network does not give the same outputs from what enters the module.

    `args[0]` is a clause that says why.
    """


class Sizes(NamedTuple):
    """The number of examples of a batch, and the length of its mask; None without a mask."""

    examples: int
    length: int | None

    @classmethod
    def of(cls, batch: Batch) -> Sizes:
        return cls(len(batch), None if batch.mask is None else batch.mask.shape[1])


@dataclass(frozen=True)
class Slot:
    """A tensor to record.

    It is argument number `leaf` of the boundary, or of what the skipped module `module` returns.
    """

    module: str
    leaf: int
    batch: int
    """Its dimension that counts the examples."""
    lengths: tuple[int, ...]
    """Its dimensions that are as long as the mask; none where every example has the same shape."""

    @property
    def _order(self) -> tuple[int, ...]:
        return self.batch, *self.lengths

    def to_recording(self, tensor: Tensor) -> Tensor:
        """Return the tensor as it is recorded: examples first, then lengths."""
        return tensor.movedim(self._order, tuple(range(len(self._order))))

    def to_network(self, tensor: Tensor) -> Tensor:
        """Return the tensor as the network knows it."""
        return tensor.movedim(tuple(range(len(self._order))), self._order)


def make_slot(module: str, leaf: int, shapes: Sequence[torch.Size], sizes: Sequence[Sizes]) -> Slot:
    """Make the slot of a tensor that has these shapes in batches of these sizes.

    Raises CannotCut where a dimension changes that counts neither examples nor places of the mask.
    """
    if len({len(shape) for shape in shapes}) != 1:
        raise CannotCut("what enters it is not one tensor an example")
    along = list(zip(*shapes, strict=True))
    examples, lengths = zip(*sizes, strict=True)
    if examples not in along:
        raise CannotCut("what enters it is not one tensor an example")
    batch = along.index(examples)
    varying = tuple(d for d, size in enumerate(along) if d != batch and len(set(size)) > 1)
    if any(along[d] != lengths for d in varying):
        raise CannotCut("what enters it changes its shape from batch to batch")
    return Slot(module, leaf, batch, varying)
