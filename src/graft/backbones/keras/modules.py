"""Modules of PyTorch that compute as layers of Keras do, where PyTorch has none."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

OPERATORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "TrueDivide": operator.truediv,
    "Divide": operator.truediv,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
}
"""The name of a layer or operation of Keras -> how it combines two tensors."""


class Branches(nn.Module):
    """Layers of which some read several results, or one that others read too.

    `plan` has a call a row: the name of the module, and the results that it reads by their number.
    Number 0 is what enters, 1 the result of the first call.
    """

    def __init__(self, modules: dict[str, nn.Module], plan: Sequence[tuple[str, tuple[int, ...]]]):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.plan = tuple(plan)

    def forward(self, x: Tensor) -> Tensor:
        results = [x]
        for name, places in self.plan:
            results.append(self._modules[name](*(results[place] for place in places)))
        return results[-1]


class SamePadding(nn.Module):
    """TensorFlow's padding `same`: it depends on the size of the picture, and the odd pixel of the
    sum is added at the right and at the bottom."""

    def __init__(self, spans: Sequence[int], strides: Sequence[int], value: float):
        super().__init__()
        self.spans, self.strides, self.value = tuple(spans), tuple(strides), value

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for axis in (1, 0):  # F.pad reads the last dimension first
            size, stride = x.shape[2 + axis], self.strides[axis]
            total = max(0, (-(-size // stride) - 1) * stride + self.spans[axis] - size)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads, value=self.value)

    def extra_repr(self) -> str:
        return f"spans={self.spans}, strides={self.strides}, value={self.value}"


class Combination(nn.Module):
    """Tensors combined in turn by an operator: `add`, `x + 3.0`.

    A number among `constants` stands for itself, None for the next tensor.
    """

    def __init__(self, kind: str, constants: Sequence[float | None]):
        super().__init__()
        self.kind, self.constants = kind, tuple(constants)

    def forward(self, *tensors: Tensor) -> Tensor:
        rest = iter(tensors)
        values = [next(rest) if number is None else number for number in self.constants]
        return functools.reduce(OPERATORS[self.kind], values)

    def extra_repr(self) -> str:
        return f"{self.kind}, {self.constants}"


class ScaledSum(nn.Module):
    """a + scale * b."""

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b * self.scale

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


class Concatenation(nn.Module):
    """Tensors joined along a dimension."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, *tensors: Tensor) -> Tensor:
        return torch.cat(tensors, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LayerScale(nn.Module):
    """A learned factor for each channel, the last dimension."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Rescaling(nn.Module):
    """x * scale + offset, constants for all channels or for each, the last dimension."""

    def __init__(self, scale: float | Sequence[float], offset: float | Sequence[float]):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        self.register_buffer("offset", torch.tensor(offset), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.offset


class Normalization(nn.Module):
    """(x - mean) / std, statistics of all values or of each channel, the last dimension."""

    def __init__(self, count: int, smallest_std: float):
        super().__init__()
        self.smallest_std = smallest_std
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("variance", torch.ones(count))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.variance.sqrt().clamp(min=self.smallest_std)
