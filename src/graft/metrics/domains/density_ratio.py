"""How much likelier an example is in the target than in the source."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from graft.metrics.domains.linear_classifier import as_array, join_domains, linear_classifier


def density_ratios(source: Tensor, target: Tensor, points: Tensor) -> Tensor:
    """Return p_target / p_source (K,) at `points` (K, D), from features (N, D) and (M, D).

    Formula: N / M P(target | f) / P(source | f), P by logistic regression on standardized features.
    Fit on other examples than `points`: on those that it was fit to, the two domains look farther
    apart than they are.
    Source: Bickel et al.: Discriminative Learning for Differing Training and Test Distributions,
    ICML 2007; Sugiyama et al.: Density Ratio Estimation in Machine Learning, 2012.
    """
    features, is_target = join_domains(source, target)
    log_odds = linear_classifier().fit(features, is_target).decision_function(as_array(points))
    return torch.from_numpy(np.exp(log_odds) * len(source) / len(target))
