"""The risk on source samples that look like the target's, with less variance."""

from __future__ import annotations

from torch import nn

from graft.metrics.unlabeled.dev import dev_risk
from graft.training.validators.likeness.density import weigh_source
from graft.training.validators.validator import Seen


class Dev:
    """The negative importance-weighted loss on the source, with a control variate.

    Formula: -(mean(w l) + eta (mean(w) - 1)), l the cross-entropy, eta = -cov(w l, w) / var(w), w
    as of `importance-weighted`.
    Source: You et al.: Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation,
    ICML 2019, arXiv:2606.04665.
    When: beside others, to see whether they agree.
    When not: as the only one: it lost 15 points on average, and 62 at worst (SKADA-Bench,
    arXiv:2407.11676).
    """

    def __call__(self, seen: Seen) -> float:
        losses = nn.functional.cross_entropy(seen.source_logits, seen.labels, reduction="none")
        return -dev_risk(losses, weigh_source(seen))
