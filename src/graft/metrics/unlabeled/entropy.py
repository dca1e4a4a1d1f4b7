"""Entropies of predictions, in nats, from logits in log space.

Formula: H(p) = -sum over classes of p log p, p = softmax(logits). Log-probabilities are logits,
too: the softmax of log p is p.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def entropies(logits: Tensor) -> Tensor:
    """Return the entropy (N,) of each prediction from logits (N, C); gradients flow."""
    return _entropy(torch.log_softmax(logits, dim=1))


def mean_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of predictions with logits (N, C), a scalar; lower is more confident.

    As a choice among networks: Morerio et al., arXiv:1711.10288. A network that is confident and
    wrong has a low one, too.
    """
    return entropies(logits).mean()


def mutual_information(logits: Tensor) -> Tensor:
    """Return H(mean p) - mean H(p) of logits (N, C), a scalar; higher is better.

    It is high if each prediction is confident, and all classes are predicted equally often: InfoMax
    (Krause et al., NIPS 2010; Musgrave et al., arXiv:2208.07360). Always from 0 to log C.
    """
    log_p = torch.log_softmax(logits, dim=1)
    mean = torch.logsumexp(log_p, dim=0) - math.log(len(log_p))
    return _entropy(mean) - _entropy(log_p).mean()


def _entropy(log_p: Tensor) -> Tensor:
    return -(log_p.exp() * log_p).sum(-1)
