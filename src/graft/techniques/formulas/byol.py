"""BYOL: predict the output of a slowly updated network for another view."""

from __future__ import annotations

from torch import Tensor, nn

from graft.techniques.formulas.precision import in_full_precision


@in_full_precision
def regression_loss(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared distance of the directions of (N, D) and (N, D), a scalar.

    Formula: mean of 2 - 2 cos(q, z), from 0 to 4. No gradient flows through the targets. The loss
    of a batch is the sum of this one for both orders of the views.
    Source: Grill et al.: Bootstrap Your Own Latent, arXiv:2006.07733, equation 2.
    """
    return (2 - 2 * nn.functional.cosine_similarity(predictions, targets.detach())).mean()
