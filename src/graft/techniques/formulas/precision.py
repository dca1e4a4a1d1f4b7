"""Formulas are computed in float32 at least, whatever the precision around them.

Covariances, kernels and singular values of half-precision features lose what they measure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")


def in_full_precision(formula: Callable[..., Result]) -> Callable[..., Result]:
    """Wrap a formula of tensors: no autocast inside, and half-precision tensors as float32.

    Its first argument is a tensor.
    """

    @wraps(formula)
    def call(first: Tensor, *others: Any, **settings: Any) -> Result:
        widened = {name: _widen(value) for name, value in settings.items()}
        with torch.autocast(first.device.type, enabled=False):
            return formula(_widen(first), *map(_widen, others), **widened)

    return call


def _widen(value: Any) -> Any:
    is_half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if is_half else value
