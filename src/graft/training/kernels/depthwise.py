"""Gradients of depthwise convolutions on processors: in fp32 where oneDNN is slow in bf16.

Measured here, one thread, 16 pictures, channels-last: the weights' gradient of a 5 x 5 kernel takes
49 ms in bf16 and 9 ms in fp32 (1152 channels at 7 px), the input's gradient of a strided one 104 ms
and 7 ms (144 channels at 56 px). Unstrided 3 x 3 kernels are faster in bf16 and left alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def convolve(*args: Any, **kwargs: Any) -> Any:
    """Compute `torch.conv2d`; NotImplemented in fp32, and where gradients in bf16 are as fast."""
    slow = len(args) == 7 and not kwargs and torch.is_autocast_enabled("cpu") and _is_slow(*args)
    return _Depthwise.apply(*args) if slow else NotImplemented


def _is_slow(
    inputs: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> bool:
    depthwise = groups > 1 and weight.shape[1] == 1 and groups == inputs.shape[1]
    return depthwise and not isinstance(padding, str) and (weight.shape[-1] > 3 or max(stride) > 1)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, *shape: Any
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.shape = shape
        return torch.conv2d(inputs, weight, bias, *shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.shape
        wanted = ctx.needs_input_grad[:3]

        def one(which: int, slow: bool) -> Tensor | None:
            if not wanted[which]:
                return None
            dtype = torch.float32 if slow else gradient.dtype
            tensors = (tensor.to(dtype) for tensor in (gradient, inputs, weight))
            mask = [number == which for number in range(3)]
            how = (stride, padding, dilation, False, [0, 0], groups, mask)
            return torch.ops.aten.convolution_backward(*tensors, [len(weight)], *how)[which]

        by_inputs, by_weight, by_bias = (
            one(0, max(stride) > 1),
            one(1, weight.shape[-1] > 3),
            one(2, False),
        )
        gradients = (by_inputs, inputs.dtype), (by_weight, weight.dtype), (by_bias, torch.float32)
        return (
            *(None if tensor is None else tensor.to(dtype) for tensor, dtype in gradients),
            None,
            None,
            None,
            None,
        )
