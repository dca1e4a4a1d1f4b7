"""The linear classifier by which domains are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def linear_classifier(balanced: bool = False, inverse_strength: float = 1.0) -> Pipeline:
    """Return an unfitted logistic regression on standardized features.

    `balanced`, all classes weigh the same, however many examples each has. `inverse_strength` is
    scikit-learn's C: the smaller, the stronger the penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weight = "balanced" if balanced else None
    regression = LogisticRegression(C=inverse_strength, max_iter=1000, class_weight=weight)
    return make_pipeline(StandardScaler(), regression)


def as_array(features: Tensor) -> NDArray[np.float64]:
    """Return features (N, D) in float64, as scikit-learn reads them."""
    return features.detach().cpu().double().numpy()


def stack_domains(source: Tensor, target: Tensor) -> tuple[NDArray, NDArray]:
    """Return the features (N + M, D) of both domains, and which of them are the target's."""
    features = np.concatenate([as_array(source), as_array(target)])
    return features, np.arange(len(features)) >= len(source)
