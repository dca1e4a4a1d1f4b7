"""The only file that imports accelerate: device, precision, gradient scaling, several processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState, GradientState
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from graft.base import env
from graft.base.errors import BadValue
from graft.training.kernels.kernels import QuickKernels

PRECISIONS = ("bf16", "fp16", "fp32")
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with that many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """On a linear head alone several threads mostly wait for each other, up to 20 times slower."""
    return threads(1)


class Engine:
    """One run's device and precision. Schedules are pure functions and are not prepared."""

    def __init__(self, precision: str | None = None):
        """Choose what the hardware computes natively unless a `precision` is given.

        Raises BadValue for one that it cannot compute.
        """
        on = env.device()
        self.precision = precision or env.native_precision(on)
        if self.precision not in PRECISIONS or (self.precision == "fp16" and on == "cpu"):
            raise BadValue(
                f"The precision {self.precision!r} is not possible on {on}. Use one of: bf16, fp32"
                + ", fp16." * (on != "cpu")
            )
        # The state is process-wide, and this is another run.
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        mixed = "no" if self.precision == "fp32" else self.precision
        self._accelerator = Accelerator(
            mixed_precision=mixed, cpu=on == "cpu", step_scheduler_with_optimizer=False
        )
        self.device = self._accelerator.device
        if on == "cpu":
            env.keep_freed_memory()
        if on == "cuda":  # a resumed run needs the same sums, so no kernel is chosen by its speed
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False

    def place(self, module: nn.Module) -> nn.Module:
        """The module on the device, convolutions in the memory order that is quickest there."""
        convolves = any(isinstance(m, nn.Conv2d) for m in module.modules())
        return module.to(
            self.device, memory_format=torch.channels_last if convolves else torch.preserve_format
        )

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module as training calls it: itself, or data-parallel over processes."""
        return (
            self._accelerator.prepare_model(module)
            if self._accelerator.num_processes > 1
            else module
        )

    def unwrap(self, module: nn.Module) -> nn.Module:
        """The module that `wrap` was given."""
        return module.module if isinstance(module, DistributedDataParallel) else module

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Compute in the engine's precision, by the quickest way there is on its device."""
        quick = QuickKernels() if self.device.type == "cpu" else nullcontext()
        half = HALVES.get(self.precision)
        # accelerate 1.7 does not leave its own autocast where an error is raised within it.
        cast = torch.autocast(self.device.type, half) if half else nullcontext()
        with cast, quick:
            yield

    def backward(self, loss: Tensor, retain_graph: bool = False) -> None:
        self._accelerator.backward(loss, retain_graph=retain_graph)

    def clip(self, optimizer: torch.optim.Optimizer, norm: float) -> None:
        """Scale the gradients of the optimizer's parameters down to this norm; 0 clips nothing."""
        if norm > 0:
            # accelerate's clip_grad_norm_ would unscale the gradients of all optimizers that it
            # prepared.
            self._accelerator.unscale_gradients(optimizer)
            nn.utils.clip_grad_norm_(
                [p for group in optimizer.param_groups for p in group["params"]], norm
            )

    def prepare_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Return the optimizer so that it skips steps in which scaled fp16 gradients overflow."""
        if self.precision != "fp16":
            return optimizer
        # accelerate's prepare_optimizer would keep the optimizer and its state after its phase.
        return AcceleratedOptimizer(
            optimizer, device_placement=False, scaler=self._accelerator.scaler
        )

    @property
    def scaler(self) -> dict[str, Any]:
        return self._accelerator.scaler.state_dict() if self._accelerator.scaler else {}

    @scaler.setter
    def scaler(self, state: dict[str, Any]) -> None:
        if state and self._accelerator.scaler:
            self._accelerator.scaler.load_state_dict(state)
