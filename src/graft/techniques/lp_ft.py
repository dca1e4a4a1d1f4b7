"""First the head, then everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Model
from graft.base.ranges import Epochs, Positive
from graft.techniques.specs.places import everything
from graft.techniques.specs.probe import probe_phase
from graft.techniques.technique import Phase, Technique


@dataclass(frozen=True)
class LpFt(Technique):
    """Linear probing, then fine-tuning of all layers.

    A trained head keeps the first large gradients from distorting the features.

    Formula: W = argmin L(W f(x)) with f frozen, then min over all weights of L, started at (f, W).
    A linear head is solved for; `probe_epochs` and `probe_lr` are for other heads: 100 epochs, of a
    head that is a network of its own half as many as the fine-tuning. With `fallback` the result is
    the probe again if fine-tuning ends with a worse metric on validation, of 50 examples or more.
    Source: Kumar et al.: Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution, arXiv:2202.10054.
    When: the safe default; above all where the data met later will differ from the training data.
    When not: no time to fine-tune at all: feature-extraction is its first half.
    Example: graft fit photos -t lp-ft:fallback=false
    """

    about_head: ClassVar[bool] = True

    probe_epochs: Epochs | None = None
    """Passes of the probe where its head is not solved for; `auto` is 100, or half as many as the
    fine-tuning if the head is a network of its own."""
    probe_lr: Positive | None = None
    """The learning rate of a probe that is not solved for; `auto` is 0.003, or three times the
    usual rate if the head is a network of its own."""
    fallback: bool = True
    """Whether the probe is kept if fine-tuning ends with a worse metric on validation."""

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        probe = probe_phase(model, epochs, self.probe_epochs, self.probe_lr)
        rates = self.rates(model, body=0.5, head=1.0)
        return [probe, Phase("fine-tuning", epochs, everything, fallback=self.fallback, **rates)]
