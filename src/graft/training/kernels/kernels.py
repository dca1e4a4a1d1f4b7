"""Functions at which PyTorch is slow on a processor, and faster replacements in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import dropout, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from graft.training.kernels.attention import attend
from graft.training.kernels.depthwise import convolve
from graft.training.kernels.dropout import drop

KERNELS: dict[Callable, Callable[..., Any]] = {
    torch.conv2d: convolve,
    dropout: drop,
    scaled_dot_product_attention: attend,
}
"""A function of torch -> one of the same arguments; NotImplemented where torch's is as fast."""


class QuickKernels(TorchFunctionMode):
    """While this lasts, and gradients are kept, these functions are computed the quicker way."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        quick = KERNELS.get(func)
        result = quick(*args, **kwargs) if quick and torch.is_grad_enabled() else NotImplemented
        return func(*args, **kwargs) if result is NotImplemented else result
