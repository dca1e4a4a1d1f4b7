"""The network that learns to separate two domains."""

from __future__ import annotations

from torch import nn


def domain_classifier(width: int, hidden: int) -> nn.Sequential:
    """Return a network with two hidden layers, from vectors (N, width) to logits (N, 1)."""
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 1),
    )
