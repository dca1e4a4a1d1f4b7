"""Source hypothesis transfer: information maximization, and labels by the nearest centroid."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.metrics.unlabeled.entropy import mutual_information
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def information_loss(logits: Tensor) -> Tensor:
    """Return the negative mutual information of target predictions (N, C), a scalar.

    Formula: mean H(p) - H(mean p): each prediction confident, all classes equally often.
    Source: Liang et al.: Do We Really Need to Access the Source Data?, arXiv:2002.08546 (SHOT).
    """
    return -mutual_information(logits)


@torch.no_grad()
@in_full_precision
def centroid_labels(features: Tensor, logits: Tensor, rounds: int = 1) -> Tensor:
    """Return pseudo-labels (N,): the class of the nearest centroid, by cosine.

    Features (N, D), logits (N, C) of the same target examples.
    Formula: c_k = sum_n p_nk f_n / sum_n p_nk, labels = argmax_k cos(f_n, c_k); then, `rounds`
    times, c_k is the mean of the features with label k, and labels follow. A class without
    examples gets none in later rounds. An example of zeros alone has no direction, and gets the
    first class that is left.
    Source: arXiv:2002.08546, where `rounds` is 1.
    """
    labels = _nearest(features, logits.softmax(dim=1))
    for _ in range(rounds):
        labels = _nearest(features, nn.functional.one_hot(labels, logits.shape[1]).to(features))
    return labels


def _nearest(features: Tensor, members: Tensor) -> Tensor:
    """Return the class (N,) of the nearest centroid, from the shares (N, C) of each class."""
    # A centroid's length does not change the cosine, so sums serve as means.
    centroids = nn.functional.normalize(members.T @ features, dim=1)
    cosines = nn.functional.normalize(features, dim=1) @ centroids.T
    return cosines.masked_fill(members.sum(0) == 0, -torch.inf).argmax(1)
