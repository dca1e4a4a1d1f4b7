"""Quick gradients of depthwise convolutions are at least as exact as those that they replace."""

from __future__ import annotations

import pytest
import torch

from graft.training.kernels.kernels import QuickKernels

ROUNDED_ONCE = 2**-8
"""The largest relative error in bfloat16 of a kernel that rounds only the result of a sum."""


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_those_of_fp32(kernel, stride, bias):
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(24, 24, kernel, stride, kernel // 2, groups=24, bias=bias).to(
        memory_format=torch.channels_last
    )
    inputs = torch.randn(4, 24, 17, 17).to(memory_format=torch.channels_last).requires_grad_()
    weights = torch.randn(conv(inputs).shape)
    exact = _gradients(conv, inputs, weights)
    with torch.autocast("cpu", torch.bfloat16):
        usual = _gradients(conv, inputs, weights)
        with QuickKernels():
            quick = _gradients(conv, inputs, weights)
    for name, reference in exact.items():
        error, before = (
            (found[name] - reference).norm() / reference.norm() for found in (quick, usual)
        )
        assert quick[name].dtype == reference.dtype
        assert error < 0.01
        assert error <= max(before * 1.1, ROUNDED_ONCE), name


def test_other_convolutions_and_forwards_are_left_alone():
    inputs = torch.randn(2, 8, 9, 9)
    strided = torch.nn.Conv2d(8, 8, 3, 2, groups=8)
    with QuickKernels():
        assert "Depthwise" not in type(strided(inputs).grad_fn).__name__, "fp32 is quick as it is"
    with torch.autocast("cpu", torch.bfloat16), QuickKernels():
        for conv in (
            torch.nn.Conv2d(8, 8, 5),
            torch.nn.Conv2d(8, 16, 5, groups=4),
            torch.nn.Conv2d(8, 8, 3, groups=8),
        ):
            assert "Depthwise" not in type(conv(inputs).grad_fn).__name__
        found = strided(inputs)
        assert "Depthwise" in type(found.grad_fn).__name__
        with torch.no_grad():
            assert strided(inputs).grad_fn is None
            assert torch.equal(strided(inputs), found)


def _gradients(conv, inputs, weights):
    conv.zero_grad()
    inputs.grad = None
    (conv(inputs).float() * weights).sum().backward()
    return {
        "inputs": inputs.grad,
        **{name: parameter.grad.clone() for name, parameter in conv.named_parameters()},
    }
