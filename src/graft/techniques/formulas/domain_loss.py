"""The loss of a domain classifier: which examples are of the source."""

from __future__ import annotations

from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def domain_loss(
    source_logits: Tensor,
    target_logits: Tensor,
    source_weights: Tensor | None = None,
    target_weights: Tensor | None = None,
) -> Tensor:
    """Return the binary cross-entropy of logits (N,) and (M,) of being of the source, a scalar.

    Formula: (mean w log(1 + exp(-s)) + mean w log(1 + exp(t))) / 2. Both domains count the same,
    however many examples each has; weights (N,) and (M,) are 1 if not given.
    Source: arXiv:1505.07818 (DANN); with weights arXiv:1705.10667 (CDAN+E).
    """
    of_source = nn.functional.softplus(-source_logits)
    of_target = nn.functional.softplus(target_logits)
    if source_weights is not None:
        of_source = of_source * source_weights
    if target_weights is not None:
        of_target = of_target * target_weights
    return (of_source.mean() + of_target.mean()) / 2
