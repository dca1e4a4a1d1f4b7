"""Mixes of two target samples: predictions should be of the class of the larger part."""

from __future__ import annotations

import math

import torch

from graft.metrics.unlabeled.mixval import mix_consistency
from graft.training.validators.validator import Seen


class Mixval:
    """How consistent predictions are on mixes of target samples of different predicted classes.

    Formula: the share of mixes 0.55 f_n + 0.45 f_m of features that are predicted as n is, over
    pairs n, m that are predicted differently; 0 if all are predicted alike.
    Source: Hu et al.: Mixed Samples as Probes for Unsupervised Model Selection in Domain
    Adaptation, NeurIPS 2023 (MixVal, inter-cluster), where inputs are mixed; features can be mixed
    of texts as well.
    When: the usual choice; with MCC it lost 0.3 points against the choice by target labels
    (SKADA-Bench, arXiv:2407.11676).
    When not: techniques that may collapse; look at `importance-weighted` too.
    """

    def __call__(self, seen: Seen) -> float:
        # Always the same partners, so that networks are compared on the same mixes.
        order = torch.randperm(len(seen.target), generator=torch.Generator().manual_seed(0))
        consistency = mix_consistency(seen.target, seen.classify, order).inter
        # Where no two are predicted apart the network has collapsed, which is the worst.
        return 0.0 if math.isnan(consistency) else consistency
