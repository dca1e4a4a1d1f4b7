"""Co-Tuning: the classes that a network was pretrained on as a second target."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import one_hot

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def class_relation(probabilities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Return p(source class | class) (K, S) from p(source class | example) (N, S).

    `labels` (N,) are the classes 0 .. K - 1 of the examples. A class without an example has the
    mean over all.
    Formula: p(s | k) = mean of p(s | x_n) over n with y_n = k.
    Source: You et al.: Co-Tuning for Transfer Learning, NeurIPS 2020, algorithm 1.
    """
    members = one_hot(labels, num_classes).to(probabilities)  # (N, K)
    counts = members.sum(0)[:, None]
    means = members.T @ probabilities / counts.clamp(min=1)
    return means.where(counts > 0, probabilities.mean(0))


@in_full_precision
def co_tuning(source_logits: Tensor, relation: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of source classes, a scalar.

    `source_logits` are (N, S), the `relation` (K, S) is p(source class | class), `labels` are (N,).
    Formula: mean over n of - sum over s of p(s | y_n) log softmax(source_logits_n)_s.
    Source: You et al.: Co-Tuning for Transfer Learning, NeurIPS 2020, equation 3.
    """
    return -(relation[labels] * source_logits.log_softmax(1)).sum(1).mean()
