"""Inputs without randomness, equal on every machine but for rounding."""

from __future__ import annotations

import torch
from torch import Tensor


def wave(rows: int, columns: int, phase: float = 0.0) -> Tensor:
    """A matrix (rows, columns) of sines, in float64."""
    steps = torch.arange(rows * columns, dtype=torch.float64)
    return torch.sin(0.7 * steps + phase).view(rows, columns)


SOURCE = wave(6, 4)
TARGET = 1.5 * wave(5, 4, 2.0) + 0.3
SOURCE_LOGITS = 3 * wave(6, 3, 1.0)
TARGET_LOGITS = 3 * wave(5, 3, 4.0)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
