"""Gradient reversal: what is minimized behind it is maximized before it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def reverse_gradient(features: Tensor, strength: float = 1.0) -> Tensor:
    """Return the features unchanged; backward, their gradient is multiplied by -strength.

    Formula: R(x) = x, dR/dx = -strength I. Any shape.
    Source: Ganin et al.: Domain-Adversarial Training of Neural Networks, arXiv:1505.07818.
    """
    return _Reversal.apply(features, strength)


def reversal_strength(progress: float, steepness: float = 10.0) -> float:
    """Return the strength of the reversal at a progress from 0 to 1: it grows from 0 to near 1.

    Formula: 2 / (1 + exp(-steepness p)) - 1, so that a domain classifier that has
    learned nothing yet does not disturb the features.
    Source: arXiv:1505.07818, where `steepness` is 10.
    """
    return math.tanh(steepness * progress / 2)


class _Reversal(torch.autograd.Function):
    """The identity forward, a negative multiple backward."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None
