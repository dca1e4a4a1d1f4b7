"""CORAL: the distance between the covariances of two domains."""

from __future__ import annotations

from torch import Tensor

from graft.techniques.formulas.batches import check_pair
from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def coral(source: Tensor, target: Tensor) -> Tensor:
    """Return the CORAL loss of features (N, D) and (M, D), a scalar.

    Formula: |C_s - C_t|_F^2 / (4 D^2), C the unbiased covariances.
    Source: Sun and Saenko: Deep CORAL, arXiv:1607.01719.
    Raises BadValue for fewer than two examples of a domain, which have no covariance.
    """
    check_pair("CORAL", source, target)
    difference = _covariance(source) - _covariance(target)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(features: Tensor) -> Tensor:
    centered = features - features.mean(0)
    return centered.T @ centered / (len(features) - 1)
