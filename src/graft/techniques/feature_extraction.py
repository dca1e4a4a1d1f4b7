"""A new head on a frozen network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Model
from graft.base.ranges import Count, Epochs, NotNegative, Positive, Share
from graft.techniques.specs.candidates import SolvedHead
from graft.techniques.specs.places import head_only
from graft.techniques.technique import PROBE_PATIENCE, Phase, Technique, probe_rate


@dataclass(frozen=True)
class FeatureExtraction(Technique):
    """Freeze the network, train a new linear head on its features (a linear probe).

    Formula: min over W, b of L(W f(x) + b) + s/2 |W|^2, f frozen; f(x) is computed once. A linear
    head is solved for, its strength s chosen on validation; `epochs`, rates and optimizer are for
    other heads, and for `solved=false`, which runs that many epochs without s, or until five of
    them bring no better validation loss. Both cost next to nothing, so that they are not part of
    the budget of other techniques. A head that is a network of its own, as a detector's, is trained
    as long as other techniques train, at three times the network's usual rate.
    Source: Donahue et al.: DeCAF, arXiv:1310.1531; Kornblith et al., arXiv:1805.08974.
    When: few labels, data like the pretraining data, little time; as the first thing to try.
    When not: data far from the pretraining data, where the features do not hold what is asked.
    Example: graft fit photos -t feature-extraction
    """

    about_head: ClassVar[bool] = True
    trains_head_alone: ClassVar[bool] = True

    solved: bool = True
    """Whether a linear head is solved for instead of trained in steps."""
    epochs: Epochs | None = 100
    head_lr: Positive | None = None
    weight_decay: NotNegative = 0.01
    warmup: Share = 0.02
    views: Count | None = 1

    def own_epochs(self, model: Model) -> float | None:
        """Those of a head that costs next to nothing, or that were asked for."""
        is_usual = self.epochs == type(self).epochs
        return None if is_usual and model.backbone.has_deep_head else self.epochs

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        rate = self.head_lr or probe_rate(model)
        optimizer = self.optimizer or "adamw"
        how = {
            "candidates": SolvedHead() if self.solved else None,
            "views": self.views,
            "patience": PROBE_PATIENCE,
        }
        return [Phase("probe", epochs, head_only, rate, rate, optimizer, **how)]
