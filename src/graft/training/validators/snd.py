"""How dense the neighborhoods of target samples are."""

from __future__ import annotations

from graft.metrics.unlabeled.snd import soft_neighborhood_density
from graft.training.validators.validator import Seen


class Snd:
    """The mean entropy of the similarities of each target sample to all others.

    Formula: mean over n of H(softmax over m of cos(p_n, p_m) / 0.05), p the predictions.
    Source: Saito et al.: Tune it the Right Way: Unsupervised Validation of Domain Adaptation via
    Soft Neighborhood Density, arXiv:2108.10860.
    When: beside others, to see whether they agree.
    When not: as the only one: networks that predict one class for all have the highest value; it
    lost 21 points on average, and 60 at worst (SKADA-Bench, arXiv:2407.11676).
    """

    def __call__(self, seen: Seen) -> float:
        return soft_neighborhood_density(seen.target_logits)
