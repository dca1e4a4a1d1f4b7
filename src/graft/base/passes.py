"""What a model returns in one pass over all examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from graft.base.records import Batch, Output


def join_by_row(
    passed: Iterable[tuple[Batch, Output]], *reads: Callable[[Batch, Output], Tensor]
) -> list[Tensor]:
    """Join what each of `reads` returns for all batches of a pass, in the order of the rows.

    Each returns a tensor (B, ...) for a batch of B examples; the result has one (N, ...) for each.
    """
    rows: list[int] = []
    columns: list[list[Tensor]] = [[] for _ in reads]
    for batch, output in passed:
        rows += batch.rows
        for column, read in zip(columns, reads, strict=True):
            column.append(read(batch, output))
    order = torch.tensor(rows).argsort()
    joined = [torch.cat(column) for column in columns]
    return [tensor[order.to(tensor.device)] for tensor in joined]
