"""Label smoothing: a part of each label belongs to all classes alike."""

from __future__ import annotations

from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def uniform_cross_entropy(logits: Tensor, multi_label: bool = False) -> Tensor:
    """Return the cross-entropy of logits (N, C) with labels that say nothing, a scalar.

    Formula: mean over n of -1 / C sum over c of log p_c, p = softmax(logits); with several labels
    mean over n and c of -1 / 2 (log p_c + log (1 - p_c)), p = sigmoid(logits).
    Source: Szegedy et al.: Rethinking the Inception Architecture, arXiv:1512.00567.
    """
    if multi_label:
        return (nn.functional.softplus(logits) - logits / 2).mean()
    return -logits.log_softmax(dim=1).mean()


def smoothing_weight(smoothing: float) -> float:
    """Return the weight s / (1 - s) of the uniform cross-entropy beside that of the labels.

    The sum is 1 / (1 - s) times the cross-entropy with labels of which s belongs to all classes.
    """
    return smoothing / (1 - smoothing)
