"""Mixout: dropout that leads back to the pretrained weights."""

from __future__ import annotations

from torch import Tensor, nn


def mixout(weight: Tensor, start: Tensor, probability: float) -> Tensor:
    """Return a weight in which some numbers, drawn at random, are those at the start.

    Formula: (M * start + (1 - M) * weight - p start) / (1 - p), each number of M 1 with probability
    p, else 0: start + dropout(weight - start). Its mean over M is the weight.
    Source: Lee, Cho, Kang: Mixout, arXiv:1909.11299.
    """
    return start + nn.functional.dropout(weight - start, probability)
