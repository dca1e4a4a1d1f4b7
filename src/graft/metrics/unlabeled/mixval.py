"""MixVal: is a mix of two target examples of the class of the one it has more of?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from graft.base.errors import BadValue


@dataclass(frozen=True)
class MixConsistency:
    """The shares of mixes with the class of their larger part; higher is better."""

    intra: float
    """Of mixes of two examples with one predicted class; nan without such a mix."""
    inter: float
    """Of mixes of two examples with different predicted classes; nan without such a mix."""

    @property
    def both(self) -> float:
        """The mean of the two; nan if either is."""
        return (self.intra + self.inter) / 2


@torch.no_grad()
def mix_consistency(
    inputs: Tensor, predict: Callable[[Tensor], Tensor], partners: Tensor, share: float = 0.55
) -> MixConsistency:
    """Return how consistent predictions are on mixes of target inputs (N, ...).

    `predict` returns logits (N, C) of inputs, `partners` (N,) is a permutation, `share` is that of
    the larger part.
    Formula: the share of n with argmax f(share x_n + (1 - share) x_m) = argmax f(x_n), m the
    partner of n, separately where argmax f(x_n) = argmax f(x_m) (intra: are clusters dense?) and
    where not (inter: do boundaries lie between clusters?).
    Source: Hu et al.: Mixed Samples as Probes for Unsupervised Model Selection in Domain
    Adaptation, NeurIPS 2023 (MixVal), where networks are ranked by either.
    Raises BadValue for a share that leaves no larger part.
    """
    if not 0.5 < share < 1:
        raise BadValue(
            f"The share of the larger part of a mix must be more than 0.5 and less than 1. Got "
            f"{share:g}."
        )
    labels = predict(inputs).argmax(1)
    mixes = share * inputs + (1 - share) * inputs[partners]
    is_consistent = (predict(mixes).argmax(1) == labels).cpu().double()
    is_intra = (labels == labels[partners]).cpu()
    # The mean of none is nan.
    return MixConsistency(
        float(is_consistent[is_intra].mean()), float(is_consistent[~is_intra].mean())
    )
