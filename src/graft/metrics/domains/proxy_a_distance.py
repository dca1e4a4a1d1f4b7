"""The proxy A-distance: how well a linear classifier separates two domains."""

from __future__ import annotations

from torch import Tensor

from graft.base.errors import DataError
from graft.metrics.domains.linear_classifier import linear_classifier, stack_domains

FEWEST = 4
"""The least examples of a domain for twofold cross-validation: two in each half."""


def proxy_a_distance(source: Tensor, target: Tensor, seed: int = 0) -> float:
    """Return the proxy A-distance of features (N, D) and (M, D), from 0 to 2.

    Formula: 2 (1 - 2 e), e the error of a linear domain classifier in twofold cross-validation, the
    mean of its error rates on both domains. 0 if it errs as often as by chance or more often, 2 if
    it never errs.
    Source: Ben-David et al.: Analysis of Representations for Domain Adaptation, NIPS 2006.
    Raises DataError for fewer than four examples of a domain.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if min(len(source), len(target)) < FEWEST:
        raise DataError(
            f"How far apart domains are needs at least {FEWEST} examples of each, and there are "
            f"{len(source)} of the source and {len(target)} of the target. Give more examples."
        )
    features, is_target = stack_domains(source, target)
    halves = StratifiedKFold(2, shuffle=True, random_state=seed)
    classifier = linear_classifier(balanced=True)
    is_wrong = cross_val_predict(classifier, features, is_target, cv=halves) != is_target
    error = (is_wrong[is_target].mean() + is_wrong[~is_target].mean()) / 2
    return max(0.0, 2 * (1 - 2 * float(error)))
