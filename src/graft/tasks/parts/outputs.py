"""The outputs and targets of each of several tasks, in those of all of them.

The heads of the tasks are one linear layer, whose outputs stand next to each other: as many rows of
weights for each task as it has outputs. That is the same as a layer for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graft.base import trees
from graft.base.records import RECORDED, Batch, Output
from graft.base.trees import Tree

if TYPE_CHECKING:
    from graft.tasks.task import Task

Targets = Mapping[str, Tree]
"""Name of a task -> the encoded target of an example, None if it is not known."""


def slices(parts: Mapping[str, Task]) -> dict[str, slice]:
    """Return which outputs are those of each task."""
    places, start = {}, 0
    for name, part in parts.items():
        places[name] = slice(start, start + part.outputs)
        start += part.outputs
    return places


def part_output(output: Output, batch: Batch, place: slice, is_per_token: bool) -> Output:
    """Return the output of one task.

    Where there are outputs for each token, those of a task of the whole text are their mean.
    """
    logits = output.logits[..., place]
    if logits.dim() == 3 and not is_per_token:
        weight = batch.mask[..., None].to(logits)
        logits = (logits * weight).sum(1) / weight.sum(1).clamp(min=1)
    return Output(logits, output.features)


def known_part(batch: Batch, output: Output, name: str) -> tuple[Batch, Output]:
    """Return the examples of a batch that have the label of one task, and their outputs."""
    target = batch.target[name]
    rows = target["known"].nonzero().flatten()
    extras = {key: tree for key, tree in batch.extras.items() if key != RECORDED}
    known = Batch(
        {"rows": rows},
        trees.take(target["value"], rows),
        extras=trees.take(extras, rows),
        mask=trees.take(batch.mask, rows),
    )
    return known, Output(trees.take(output.raw, rows), trees.take(output.features, rows))


def join_targets(targets: Sequence[Targets], parts: Mapping[str, Task]) -> Tree:
    """Join the targets of several examples: for each task which are known, and their values.

    What is not known is 0. No task has a value if it is known of none of them.
    """
    joined: dict[str, Tree] = {}
    for name, part in parts.items():
        rows = [row for row, target in enumerate(targets) if target.get(name) is not None]
        known = torch.zeros(len(targets), dtype=torch.bool)
        known[rows] = True
        value = None
        if rows:
            values = part.collate_targets([targets[row][name] for row in rows])
            value = _spread(values, torch.tensor(rows), len(targets))
        joined[name] = {"known": known, "value": value}
    return joined


def _spread(values: Tree, rows: Tensor, count: int) -> Tree:
    """Put the values into these rows of `count`."""

    def place(leaf: Tensor) -> Tensor:
        return leaf.new_zeros((count, *leaf.shape[1:])).index_copy(0, rows, leaf)

    return trees.map_leaves(place, values)
