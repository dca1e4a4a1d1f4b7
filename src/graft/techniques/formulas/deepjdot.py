"""DeepJDOT: transport source examples, with their labels, to the target."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.batches import check_pair
from graft.techniques.formulas.distances import squared_distances
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def joint_cost(
    source: Tensor,
    target: Tensor,
    labels: Tensor,
    target_logits: Tensor,
    feature_weight: float = 0.001,
    label_weight: float = 0.0001,
) -> Tensor:
    """Return the cost (N, M) of moving each source example to each target example.

    Features (N, D) and (M, D), classes (N,) of the source, logits (M, C) of the target.
    Formula: C_ij = feature_weight |f_i - f_j|^2 - label_weight log p_j[y_i], p = softmax(logits).
    With a plan P of `optimal_transport` for the detached cost, the loss is sum P C.
    Source: Damodaran et al.: DeepJDOT, arXiv:1803.10081, and its weights.
    Raises BadValue for an empty domain.
    """
    check_pair("DeepJDOT", source, target, least=1)
    surprise = -target_logits.log_softmax(dim=1).T[labels]
    return feature_weight * squared_distances(source, target) + label_weight * surprise
