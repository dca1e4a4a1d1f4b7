"""What PyTorch is slow at on a processor, and the quicker ways that are taken instead while a network learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import dropout, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from graft.training import attention
from graft.training.depthwise import convolve
from graft.training.dropout import attend, drop

KERNELS: dict[Callable, tuple[Callable[..., Any], ...]] = {
    torch.conv2d: (convolve,),
    dropout: (drop,),
    scaled_dot_product_attention: (attend, attention.attend),
}
"""A function of torch -> others of the same arguments, which return NotImplemented where torch's is as quick."""


class QuickKernels(TorchFunctionMode):
    """While this lasts, and gradients are kept, these functions are computed the quicker way."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        for quick in KERNELS.get(func, ()) if torch.is_grad_enabled() else ():
            found = quick(*args, **kwargs)
            if found is not NotImplemented:
                return found
        return func(*args, **kwargs)
