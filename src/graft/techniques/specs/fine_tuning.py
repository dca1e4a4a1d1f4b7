"""Techniques that fine-tune everything in one phase."""

from __future__ import annotations

from dataclasses import dataclass

from graft.backbones.backbone import Model
from graft.techniques.specs.places import everything
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class FineTuning(Technique):
    """Fine-tune everything in one phase; techniques add a loss, or change the step."""

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        return [Phase("fine-tuning", epochs, everything, **self.rates(model, epochs=epochs))]
