"""Scaled fp16 gradients over several phases, with torch's gradient scaler for processors."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn

from graft.base.records import Batch
from graft.techniques.technique import Objective
from graft.training.engine import Engine
from graft.training.loop.step import step

NEVER = 1e9
"""A norm that no gradient reaches: gradients are unscaled, as for clipping, but not clipped."""


class Twofold(Objective):
    """A body and a head, and the mean square of what comes out."""

    def __init__(self):
        nn.Module.__init__(self)
        torch.manual_seed(0)
        self.body, self.head = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, batches, progress):
        out = self.head(self.body(batches["labeled"].inputs["x"]))
        return {"task": out.float().square().mean()}

    def loss_weights(self, batches):
        return {}


@pytest.fixture
def scaling() -> Engine:
    """Return an fp16 engine on the processor, which users cannot have because it is slow."""
    engine = Engine("fp32")
    engine.precision, engine._accelerator.native_amp = "fp16", True
    engine._accelerator.state._mixed_precision = "fp16"
    engine._accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return engine


def batches() -> dict[str, Batch]:
    inputs = {"x": torch.randn(8, 4, generator=torch.Generator().manual_seed(1))}
    return {"labeled": Batch(inputs, rows=list(range(8)))}


def stepped(
    objective: Twofold, engine: Engine, parameters: list[nn.Parameter], clip: float
) -> torch.optim.Optimizer:
    """One step of a phase's own optimizer, at a rate that changes nothing."""
    optimizer = engine.prepare_optimizer(torch.optim.SGD(parameters, lr=0.0))
    step(objective, optimizer, engine, batches(), 0.5, 1, clip)
    return optimizer


def test_gradients_of_a_later_phase_are_unscaled_once(scaling):
    objective, exact = Twofold(), Twofold()
    exact(batches(), 0.5)["task"].backward()
    phases = [list(objective.head.parameters()), list(objective.parameters())]
    optimizers = [stepped(objective, scaling, parameters, NEVER) for parameters in phases]
    assert len(optimizers) == 2
    # fp16 has 11 significant bits; a gradient here sums products of four numbers rounded to them.
    apart = objective.head.weight.grad - exact.head.weight.grad
    assert apart.norm() <= 2**-8 * exact.head.weight.grad.norm()


def test_the_optimizer_of_a_phase_is_given_up_after_it(scaling):
    objective = Twofold()
    first = weakref.ref(stepped(objective, scaling, list(objective.head.parameters()), NEVER))
    stepped(objective, scaling, list(objective.parameters()), NEVER)
    gc.collect()
    assert first() is None


def test_a_norm_above_the_limit_is_scaled_down_to_it(scaling):
    objective = Twofold()
    stepped(objective, scaling, list(objective.parameters()), clip=0.125)
    norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in objective.parameters()])
    assert float(norm) == pytest.approx(0.125, rel=1e-5)


def test_an_error_ends_the_precision_that_it_was_raised_in():
    """Else weights that were cast without gradients are kept for the next training."""
    engine = Engine("bf16")
    with pytest.raises(ZeroDivisionError), engine.autocast():
        assert torch.is_autocast_enabled(engine.device.type)
        raise ZeroDivisionError
    assert not torch.is_autocast_enabled(engine.device.type)
