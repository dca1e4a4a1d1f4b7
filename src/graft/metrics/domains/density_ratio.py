"""How much likelier an example is in the target than in the source."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graft.base.errors import DataError
from graft.metrics.domains.linear_classifier import as_array, linear_classifier, stack_domains

INVERSE_STRENGTHS = tuple(10.0**k for k in range(-5, 1))
"""Of the penalty, from strong to weak."""


def density_ratios(source: Tensor, target: Tensor, points: Tensor) -> Tensor:
    """Return p_target / p_source (K,) at `points` (K, D), from features (N, D) and (M, D).

    Formula: N / M P(target | f) / P(source | f), P by logistic regression on standardized features.
    Its penalty is the one with the least loss on every other example when fit to the rest: with a
    weak one, many features separate even equal domains, and few examples have all the weight.
    Give other examples than `points` to fit it on: those that it was fit on look farther apart than
    they are.
    Source: Bickel et al.: Discriminative Learning for Differing Training and Test Distributions,
    ICML 2007; Sugiyama et al.: Density Ratio Estimation in Machine Learning, 2012.
    Raises DataError for fewer than two examples of a domain.
    """
    if min(len(source), len(target)) < 2:
        raise DataError(
            f"Density ratios need at least 2 examples of each domain, and there are {len(source)} "
            f"of the source and {len(target)} of the target. Give more examples."
        )
    features, is_target = stack_domains(source, target)
    strength = _choose_strength(features, is_target)
    classifier = linear_classifier(inverse_strength=strength).fit(features, is_target)
    log_odds = classifier.decision_function(as_array(points))
    return torch.from_numpy(np.exp(log_odds) * len(source) / len(target))


def _choose_strength(features: NDArray, is_target: NDArray) -> float:
    """Return the inverse strength with the least loss on odd rows when fit to even ones."""
    signs = 1 - 2.0 * is_target[1::2]
    best, least = INVERSE_STRENGTHS[0], np.inf
    for strength in INVERSE_STRENGTHS:
        classifier = linear_classifier(inverse_strength=strength)
        log_odds = classifier.fit(features[::2], is_target[::2]).decision_function(features[1::2])
        loss = np.logaddexp(0, signs * log_odds).mean()
        if loss > least:  # weaker penalties only overfit more, and take longest
            break
        best, least = strength, loss
    return best
