"""The accuracy on source samples that look like the target's."""

from __future__ import annotations

from graft.metrics.unlabeled.importance import importance_weighted_mean
from graft.training.validators.likeness.density import weigh_source
from graft.training.validators.validator import Seen


class ImportanceWeighted:
    """The accuracy on the validation split of the source, weighted by likeness to the target.

    Formula: sum w [argmax p = y] / sum w, w = p_target(f) / p_source(f) by logistic regression on
    the features f, of each half of the samples by the other half.
    Source: Sugiyama et al.: Covariate Shift Adaptation by Importance Weighted Cross Validation,
    JMLR 8, 2007.
    When: as a guard beside another validator: its largest losses were the smallest of all
    (SKADA-Bench, arXiv:2407.11676).
    When not: domains that hardly overlap, where few samples have all the weight.
    """

    def __call__(self, seen: Seen) -> float:
        is_right = (seen.source_logits.argmax(1) == seen.labels).cpu().double()
        return importance_weighted_mean(is_right, weigh_source(seen))
