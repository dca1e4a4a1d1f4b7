"""DIET: each example is its own class."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def diet(logits: Tensor, indices: Tensor, label_smoothing: float = 0.8) -> Tensor:
    """Return the cross-entropy of which example it is, a scalar.

    `logits` (N, E) has a column for each of the E unlabeled examples, `indices` (N,) are those of
    the batch.
    Formula: -(1 - s) log p[i] - s / E sum_e log p[e], the mean over the batch, s the smoothing.
    Source: Ibrahim et al.: Occam's Razor for Self Supervised Learning, arXiv:2406.10743; Rodas et
    al.: DIET-CP, arXiv:2509.06990.
    """
    return nn.functional.cross_entropy(logits, indices, label_smoothing=label_smoothing)


@torch.no_grad()
def first_rows(features: Tensor, label_smoothing: float = 0.8) -> Tensor:
    """Return the rows (E, D) of the classifier by which features (E, D) of one length are told.

    Formula: logits x_e . x g / v, which are -|x_e - x|^2 g / (2 v) but for what all e have in
    common; v the mean of |x - mean(x)|^2, so that an example is g above others on average; g =
    log(1 + (1 - s) E / s) is what the smoothed label asks for, s the smoothing, at least 0.01.
    Source: rows that are features of the examples are the memory bank of Wu et al.,
    arXiv:1805.01978.
    """
    smoothing = max(label_smoothing, 0.01)
    gap = math.log1p((1 - smoothing) * len(features) / smoothing)
    spread = (features - features.mean(0)).square().sum(1).mean()
    return features * gap / spread.clamp(min=torch.finfo(features.dtype).tiny)
