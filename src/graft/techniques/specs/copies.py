"""Copies of weights that an objective keeps beside the network, and that do not train."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def copy_tensors(tensors: Iterable[Tensor]) -> nn.ParameterList:
    """Return copies of the tensors as they are now."""
    copies = (tensor.detach().clone() for tensor in tensors)
    return nn.ParameterList(nn.Parameter(copy, requires_grad=False) for copy in copies)


@torch.no_grad()
def write_tensors(tensors: Iterable[Tensor], values: Iterable[Tensor]) -> None:
    """Write values over tensors of the same shapes."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
