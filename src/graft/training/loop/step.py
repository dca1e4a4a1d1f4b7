"""One optimizer step: losses of pieces of a batch, and their gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from graft.base.errors import GraftError
from graft.base.records import Batches
from graft.training.engine import Engine
from graft.training.loop.cosines import task_cosines
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
    """The mean losses of a step, the weight of what each averages, and the number of pieces.

    `cosines` are those between the gradients of several tasks, if they are asked for.
    """

    losses: dict[str, Tensor]
    weights: dict[str, Tensor | float]
    pieces: int
    cosines: dict[str, Tensor]


def step(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    engine: Engine,
    batches: Batches,
    progress: float,
    pieces: int,
    clip: float,
    compare_tasks: bool = False,
) -> StepResult:
    """Take one step on a batch of each stream; with `compare_tasks`, see `task_cosines`.

    If memory runs out, each batch is cut into twice as many pieces and their gradients are summed:
    the same effective batch size. Raises GraftError if a single example does not fit.
    """
    while True:
        try:
            losses, cosines = _gradients(
                objective, optimizer, engine, batches, progress, pieces, compare_tasks
            )
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if pieces >= min(map(len, batches.values())):
                raise GraftError(
                    "Memory does not hold a single example. Use a smaller backbone, a smaller "
                    "input, or precision bf16."
                ) from error
            optimizer.zero_grad(set_to_none=True)
            pieces *= 2
            continue
        engine.clip(optimizer, clip)
        optimizer.step()
        weights = weigh(engine.unwrap(objective), losses, batches)
        return StepResult(losses, weights, pieces, cosines)


def _gradients(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    engine: Engine,
    batches: Batches,
    progress: float,
    pieces: int,
    compare_tasks: bool,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Leave the gradients of a step; return its losses, and the cosines of its first piece."""
    optimizer.zero_grad(set_to_none=True)
    inside = engine.unwrap(objective)
    inside.before_step()
    means: dict[str, Tensor] = {}
    cosines: dict[str, Tensor] = {}
    for piece in split(batches, pieces):
        with engine.autocast():
            losses = objective(piece, progress)
        weights, whole = (weigh(inside, losses, part) for part in (piece, batches))
        shared = {name: loss * (weights[name] / whole[name]) for name, loss in losses.items()}
        if compare_tasks and not means:
            cosines = task_cosines(inside, losses)
        inside.backward(shared, engine.backward)
        for name, loss in shared.items():
            means[name] = means.get(name, 0.0) + loss.detach()
    return means, cosines


def split(batches: Batches, pieces: int) -> list[Batches]:
    """Split the batch of each stream into the same number of pieces, at most `pieces`.

    No piece is without an example of any stream.
    """
    (name, main), *others = batches.items()
    parts = main.split(min(pieces, *map(len, batches.values())))
    several = [{name: part} for part in parts]
    for other, batch in others:
        edges = [len(batch) * number // len(parts) for number in range(len(parts) + 1)]
        for piece, start, end in zip(several, edges, edges[1:], strict=False):
            piece[other] = batch.take(slice(start, end))
    return several


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in OUT_OF_MEMORY
    )
