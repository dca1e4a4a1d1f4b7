"""The outputs of a network that has no doubt of the classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.base.records import Output

SURE = 99.0
"""A logit that leaves no doubt."""


def sure_of(target: Tensor, classes: int) -> Output:
    """Return logits (*target, classes) that are certain of the target (B, ...), if not negative."""
    logits = SURE * nn.functional.one_hot(target.clamp(min=0), classes).float()
    return Output(logits, torch.zeros(len(target), 1))
