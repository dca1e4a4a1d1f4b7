"""Copies of weights that an objective keeps beside the network, and that do not train."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn


def copy_tensors(tensors: Iterable[Tensor]) -> nn.ParameterList:
    """Return copies of the tensors as they are now."""
    copies = (tensor.detach().clone() for tensor in tensors)
    return nn.ParameterList(nn.Parameter(copy, requires_grad=False) for copy in copies)
