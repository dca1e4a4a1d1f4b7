"""Whether the source's labels can be learned back from predictions for the target."""

from __future__ import annotations

from graft.metrics.unlabeled.circular import circular_accuracy
from graft.training.validators.validator import Seen


class Circular:
    """The accuracy on the source of a linear classifier that learned predictions for the target.

    Formula: mean of [g(f) = y] over the source, g a logistic regression on the target's features
    and predicted classes.
    Source: Bruzzone and Marconcini: Domain Adaptation Problems: A DASVM Classification Technique
    and a Circular Validation Strategy, IEEE TPAMI 32, 2010.
    When: beside others, on features that separate the classes linearly.
    When not: networks that confuse whole classes consistently, which it may not see.
    """

    def __call__(self, seen: Seen) -> float:
        predicted = seen.target_logits.argmax(1)
        return circular_accuracy(seen.source, seen.labels, seen.target, predicted)
