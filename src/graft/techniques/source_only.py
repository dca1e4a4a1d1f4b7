"""The control of adaptation: the labeled samples alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from graft.backbones.backbone import Model
from graft.base import plugins
from graft.techniques.specs.fine_tuning import FineTuning
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class SourceOnly(FineTuning):
    """Train on the labeled samples as techniques of adaptation do, without the unlabeled ones.

    Formula: min of L(task) over all weights, from the pretrained ones, as full-fine-tuning;
    with `trains=head` over the head alone, as feature-extraction.
    Source: the row "source only" of the tables since Ganin et al.: DANN, arXiv:1505.07818.
    When: as the control of mcc, deep-coral, dann and the like, which add a loss to this training; a
    comparison runs it without being asked.
    When not: unlabeled samples are of no interest: it is full-fine-tuning under another name.
    Example: graft compare photos --unlabeled drawings -t source-only -t mcc
    """

    transfer: ClassVar[str] = "transductive"
    control_words: ClassVar[str] = "training on the labeled samples alone"
    control_lacks: ClassVar[str] = "learning from the unlabeled samples"

    trains: Literal["all", "head"] = "all"
    """What is trained: everything, or the head on frozen features."""

    def own_epochs(self, model: Model) -> float | None:
        """Those of feature-extraction where the head alone is trained."""
        return self._probe().own_epochs(model) if self.trains == "head" else self.epochs

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        if self.trains == "head":
            return self._probe().phases(model, epochs)
        return super().phases(model, epochs)

    def _probe(self) -> Technique:
        return plugins.load("technique", "feature-extraction")()
