"""Pseudo-labels: confident predictions serve as labels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@torch.no_grad()
@in_full_precision
def pseudo_labels(logits: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Return labels (N,) and which of them are confident (N,), from logits (N, C).

    Formula: y = argmax p, confident where p_y >= threshold, p = softmax(logits). At a threshold of
    0 all are.
    Source: Lee: Pseudo-Label, ICML 2013 workshop, where all are used; arXiv:2001.07685 (FixMatch).
    """
    log_p, labels = logits.log_softmax(dim=1).max(1)
    return labels, log_p >= (math.log(threshold) if threshold > 0 else -math.inf)


@in_full_precision
def pseudo_label_loss(logits: Tensor, labels: Tensor, is_confident: Tensor) -> Tensor:
    """Return the cross-entropy of the confident pseudo-labels (N,) over all N examples, a scalar.

    Formula: sum over confident n of -log p_n[y_n], divided by N, so that few labels count little.
    """
    losses = nn.functional.cross_entropy(logits, labels, reduction="none")
    return (losses * is_confident).sum() / len(losses)


def pseudo_label_weight(progress: float, start: float = 0.1, end: float = 0.6) -> float:
    """Return the weight of pseudo-labels at a progress from 0 to 1: a ramp from 0 to 1.

    Formula: (p - start) / (end - start), cut to 0 and 1.
    Source: Lee, 2013, equation 16, with its epochs 100 and 600 of 1,000 as shares.
    """
    return min(1.0, max(0.0, (progress - start) / (end - start)))
