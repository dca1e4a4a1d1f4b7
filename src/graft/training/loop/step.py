"""One optimizer step: losses of pieces of a batch, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.base.errors import GraftError
from graft.base.records import Batch
from graft.training.engine import Engine
from graft.training.loop.losses import weigh

OUT_OF_MEMORY = (
    "can't allocate memory",  # Linux and macOS
    "not enough memory",  # Windows
    "out of memory",  # MPS, and CUDA outside of torch's allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""Words in out-of-memory errors that have no exception type of their own."""


@dataclass(frozen=True)
class StepResult:
    """The mean losses of the batch, the weight of what each averages, and the number of pieces."""

    losses: dict[str, Tensor]
    weights: dict[str, Tensor | float]
    pieces: int


def step(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    engine: Engine,
    batch: Batch,
    progress: float,
    pieces: int,
    clip: float,
) -> StepResult:
    """Take one step on the batch.

    If memory runs out, the batch is cut into twice as many pieces and their gradients are summed:
    the same effective batch size. Raises GraftError if a single example does not fit.
    """
    while True:
        try:
            losses = _gradients(objective, optimizer, engine, batch, progress, pieces)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if pieces >= len(batch):
                raise GraftError(
                    "Memory does not hold a single example. Use a smaller backbone, a smaller "
                    "input, or precision bf16."
                ) from error
            optimizer.zero_grad(set_to_none=True)
            pieces *= 2
            continue
        engine.clip(optimizer, clip)
        optimizer.step()
        return StepResult(losses, weigh(engine.unwrap(objective), losses, batch), pieces)


def _gradients(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    engine: Engine,
    batch: Batch,
    progress: float,
    pieces: int,
) -> dict[str, Tensor]:
    optimizer.zero_grad(set_to_none=True)
    means: dict[str, Tensor] = {}
    for piece in batch.split(pieces):
        with engine.autocast():
            losses = objective(piece, progress)
        weights, whole = (weigh(engine.unwrap(objective), losses, part) for part in (piece, batch))
        shared = {name: loss * (weights[name] / whole[name]) for name, loss in losses.items()}
        engine.backward(sum(shared.values()))
        for name, loss in shared.items():
            means[name] = means.get(name, 0.0) + loss.detach()
    return means


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in OUT_OF_MEMORY
    )
