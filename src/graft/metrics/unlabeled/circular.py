"""Circular validation: can source labels be learned back from predictions on the target?"""

from __future__ import annotations

from torch import Tensor

from graft.metrics.domains.linear_classifier import as_array, linear_classifier


def circular_accuracy(
    source: Tensor, source_labels: Tensor, target: Tensor, target_predictions: Tensor
) -> float:
    """Return the accuracy on the source of a classifier that learned from the target; higher is
    better.

    Features (N, D) and (M, D), classes (N,) that are true and (M,) that are predicted.
    Formula: mean over n of [g(f_n) = y_n], g a linear classifier fit to the target's features and
    predicted classes. If a single class is predicted, g always predicts it.
    Source: Bruzzone and Marconcini: Domain Adaptation Problems, a DASVM Classification Technique
    and a Circular Validation Strategy, IEEE TPAMI 32, 2010.
    """
    predicted = target_predictions.unique()
    if len(predicted) == 1:
        return float((source_labels == predicted).cpu().double().mean())
    back = linear_classifier().fit(as_array(target), target_predictions.cpu().numpy())
    is_right = back.predict(as_array(source)) == source_labels.cpu().numpy()
    return float(is_right.mean())
