"""One optimizer step: losses over micro-batches, their gradients, and what happens when memory runs out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.base.errors import GraftError
from graft.base.records import Batch
from graft.training.engine import Engine


def step(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    engine: Engine,
    batch: Batch,
    progress: float,
    pieces: int,
    clip: float,
) -> tuple[dict[str, Tensor], int]:
    """Take one step on the batch; returns its mean losses, and into how many pieces it had to be cut.

    Where memory runs out, the batch is cut into twice as many pieces and their gradients are summed: the same effective
    batch size. Raises GraftError where a single example does not fit.
    """
    while True:
        try:
            losses = _gradients(objective, optimizer, engine, batch, progress, pieces)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            if pieces >= len(batch):
                raise GraftError(
                    "Memory does not hold a single example. Use a smaller backbone, a smaller input, or precision bf16."
                ) from error
            optimizer.zero_grad(set_to_none=True)
            pieces *= 2
            continue
        engine.clip((p for group in optimizer.param_groups for p in group["params"]), clip)
        optimizer.step()
        return losses, pieces


def _gradients(
    objective: nn.Module, optimizer: torch.optim.Optimizer, engine: Engine, batch: Batch, progress: float, pieces: int
) -> dict[str, Tensor]:
    optimizer.zero_grad(set_to_none=True)
    means: dict[str, Tensor] = {}
    for piece in batch.split(pieces):
        share = len(piece) / len(batch)
        with engine.autocast():
            losses = objective(piece, progress)
        engine.backward(sum(losses.values()) * share)
        for name, loss in losses.items():
            means[name] = means.get(name, 0.0) + loss.detach() * share
    return means


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
