"""The control of adaptation: the labeled samples alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Model
from graft.techniques.technique import Phase, Technique, everything


@dataclass(frozen=True)
class SourceOnly(Technique):
    """Train on the labeled samples as techniques of adaptation do, without the unlabeled ones.

    Formula: min over all weights of L(task), started at the pretrained weights, as
    full-fine-tuning.
    Source: the row "source only" of the tables since Ganin et al.: DANN, arXiv:1505.07818.
    When: as the control of mcc, deep-coral, dann and the like, which add a loss to this training.
    When not: unlabeled samples are of no interest: it is full-fine-tuning under another name.
    Example: graft compare photos --unlabeled drawings -t source-only -t mcc
    """

    control_words: ClassVar[str] = "training on the labeled samples alone"

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("fine-tuning", epochs, everything, **self.rates(model, epochs=epochs))]
