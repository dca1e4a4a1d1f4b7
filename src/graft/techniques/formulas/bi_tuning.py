"""Bi-Tuning: examples of a class belong together, for the classifier and among themselves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def classifier_contrast(
    features: Tensor, weight: Tensor, bias: Tensor | None, labels: Tensor, temperature: float
) -> Tensor:
    """Return the contrastive cross-entropy of features (N, D) under a linear head, a scalar.

    Formula: mean over n of -1 / |P_n| sum over p in P_n of log exp(c_p / t) / sum over m of
    exp(c_m / t), P_n the examples of the class y of n, n among them, and c_m the cosine of (h_m, 1)
    and (w_y, b_y). The softmax is over the examples of a batch, not over the classes.
    Source: Zhong et al.: Bi-tuning of Pre-trained Representations, arXiv:2011.06182.
    """
    ones = features.new_ones(len(features), 1)
    if bias is not None:
        features = torch.cat([features, ones], dim=1)
        weight = torch.cat([weight, bias[:, None]], dim=1)
    rows = nn.functional.normalize(features, dim=1)
    cosines = rows @ nn.functional.normalize(weight.to(rows), dim=1).T  # (N, K)
    by_label = cosines.T[labels]  # (N, N): how well example m fits the class of n
    same = labels[:, None] == labels
    return _contrast(by_label / temperature, same, torch.ones_like(same))


@in_full_precision
def category_contrast(projected: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the categorical contrastive loss of projections (N, P), a scalar.

    Formula: mean over n of -1 / |P_n| sum over p in P_n of log exp(s_np / t) / sum over m != n of
    exp(s_nm / t), P_n the other examples of the class of n, s their cosines. Examples without
    another one of their class are left out; 0 if all are.
    Source: as above; the mean over positives is that of Khosla et al., arXiv:2004.11362.
    """
    unit = nn.functional.normalize(projected, dim=1)
    others = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    same = (labels[:, None] == labels) & others
    return _contrast(unit @ unit.T / temperature, same, others)


def _contrast(logits: Tensor, same: Tensor, others: Tensor) -> Tensor:
    """The mean over rows of the mean log-probability of `same`, of a softmax over `others`."""
    masked = logits.masked_fill(~others, -torch.inf)
    shares = (masked - masked.logsumexp(dim=1, keepdim=True)).masked_fill(~same, 0.0)
    counts = same.sum(1)
    has_any = counts > 0
    if not has_any.any():
        return 0 * logits.sum()
    return -(shares.sum(1)[has_any] / counts[has_any]).mean()
