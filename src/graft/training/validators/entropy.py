"""How confident predictions for the target are."""

from __future__ import annotations

from graft.metrics.unlabeled.entropy import mean_entropy
from graft.training.validators.validator import Seen


class Entropy:
    """The negative mean entropy of the predictions for target samples.

    Formula: -mean of -sum over classes of p log p.
    Source: Morerio et al.: Minimal-Entropy Correlation Alignment, arXiv:1711.10288.
    When: beside others; techniques that do not minimize it themselves.
    When not: tent, mcc or self-training are among the techniques: they are confident by design,
    right or wrong.
    """

    def __call__(self, seen: Seen) -> float:
        return -float(mean_entropy(seen.target_logits))
