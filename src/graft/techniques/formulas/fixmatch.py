"""FixMatch: confident predictions on a weak view are the labels of a strong view."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.pseudo_labels import pseudo_label_loss, pseudo_labels


def fixmatch(weak: Tensor, strong: Tensor, threshold: float = 0.95) -> Tensor:
    """Return the loss of unlabeled examples from the logits (N, C) of both views, a scalar.

    Formula: mean over n of 1[max q_n >= threshold] (-log p_n[argmax q_n]), q = softmax(weak), p =
    softmax(strong). No gradient flows through the weak view.
    Source: Sohn et al.: FixMatch, arXiv:2001.07685.
    """
    return pseudo_label_loss(strong, *pseudo_labels(weak, threshold))
