"""One optimizer step: micro-batches sum to the same gradient, memory that runs out is answered."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graft.base.errors import GraftError
from graft.base.records import Batch
from graft.techniques.technique import Objective
from graft.training.engine import Engine
from graft.training.loop.step import step


class Squares(nn.Module):
    """A linear objective that runs out of memory on more than `fits` examples."""

    words = (
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )

    def __init__(self, fits: int = 100):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.fits = nn.Linear(3, 1), fits

    def forward(self, batches, progress):
        batch = batches["labeled"]
        if len(batch) > self.fits:
            raise RuntimeError(self.words)
        return {"task": (self.layer(batch.inputs["x"]).squeeze(1) - batch.target).square().mean()}

    def loss_weights(self, batches):
        return {}

    before_step = Objective.before_step
    backward = Objective.backward


def stepped(pieces: int, fits: int = 100) -> tuple[torch.Tensor, float, int]:
    objective = Squares(fits)
    generator = torch.Generator().manual_seed(1)
    batch = Batch(
        {"x": torch.randn(7, 3, generator=generator)},
        torch.randn(7, generator=generator),
        list(range(7)),
    )
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    result = step(objective, optimizer, Engine("fp32"), {"labeled": batch}, 0.5, pieces, clip=0.0)
    return objective.layer.weight.detach(), float(result.losses["task"]), result.pieces


def test_pieces_of_uneven_size_give_the_gradient_of_the_whole():
    whole, loss, _ = stepped(1)
    for pieces in (2, 3, 7):
        weight, mean, used = stepped(pieces)
        assert torch.allclose(weight, whole, atol=1e-6)
        assert mean == pytest.approx(loss)
        assert used == pieces


def test_a_batch_that_does_not_fit_is_computed_in_more_pieces():
    whole, _, _ = stepped(1)
    weight, _, pieces = stepped(1, fits=2)
    assert pieces == 4
    assert torch.allclose(weight, whole, atol=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        "[enforce fail at alloc_cpu.cpp:98] . DefaultCPUAllocator: not enough memory: "
        "you tried to allocate 8388608 bytes.",
        "MPS backend out of memory (MPS allocated: 9.06 GB, max allowed: 9.07 GB). "
        "Tried to allocate 7.50 MB on private pool.",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    ],
)
def test_every_allocator_is_understood(words, monkeypatch):
    monkeypatch.setattr(Squares, "words", words)
    assert stepped(1, fits=2)[2] == 4


def test_an_example_that_does_not_fit_is_an_error_in_words():
    with pytest.raises(GraftError, match="does not hold a single example"):
        stepped(1, fits=0)


def test_other_errors_are_not_taken_for_memory():
    objective = Squares()
    batch = Batch({"x": torch.randn(2, 5)}, torch.randn(2), [0, 1])
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        step(
            objective,
            torch.optim.SGD(objective.parameters(), lr=0.1),
            Engine("fp32"),
            {"labeled": batch},
            0.0,
            1,
            0.0,
        )
