"""How confident predictions for the target are, and how evenly spread over the classes."""

from __future__ import annotations

from graft.metrics.unlabeled.entropy import mutual_information
from graft.training.validators.validator import Seen


class Infomax:
    """The mutual information of target samples and their predicted classes.

    Formula: H(mean p) - mean H(p), H(p) = -sum over classes of p log p.
    Source: Musgrave et al.: Three New Validators and a Large-Scale Benchmark Ranking for
    Unsupervised Domain Adaptation, arXiv:2208.07360.
    When: classes that are about equally frequent in the target.
    When not: classes that are rare or missing there.
    """

    def __call__(self, seen: Seen) -> float:
        return float(mutual_information(seen.target_logits))
