"""DIET: each example is its own class."""

from __future__ import annotations

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
