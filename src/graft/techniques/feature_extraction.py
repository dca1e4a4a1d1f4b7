"""A new head on a frozen network."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.backbone import Model
from graft.techniques.technique import Phase, Technique, head_only


@dataclass(frozen=True)
class FeatureExtraction(Technique):
    """Freeze the network, train a new linear head on its features (a linear probe).

    Formula: min over W, b of L(W f(x) + b), f frozen; the features are computed once and `epochs` passes over them cost
    next to nothing, so that this default is not part of the budget of the other techniques.
    Source: Donahue et al.: DeCAF, arXiv:1310.1531; Kornblith et al., arXiv:1805.08974.
    When: few labels, data like the pretraining data, little time; as the first thing to try.
    When not: data far from the pretraining data, where the features do not hold what is asked.
    """

    epochs: float | None = 100
    head_lr: float | None = 3e-3
    weight_decay: float = 0.01
    warmup: float = 0.02

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rate = self.head_lr or 3e-3
        return [Phase("probe", epochs, head_only, lr=rate, head_lr=rate, optimizer=self.optimizer or "adamw", views=1)]
