"""The control of self-supervision: its time is spent on plain fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from graft.base.ranges import Epochs, Positive
from graft.techniques.specs.fine_tuning import FineTuning


@dataclass(frozen=True)
class LongerFineTuning(FineTuning):
    """Full fine-tuning that takes as many steps more as self-supervision before it would take.

    Formula: min of L(task) over all weights, in E + times passes N' / N passes over the N training
    samples: E as usual, and the time of so many `passes` of self-supervision over the N' samples of
    training and of the split `unlabeled` together.
    Source: the control "the same compute" of self-supervision; Newell and Deng: How Useful is
    Self-Supervised Pretraining for Visual Tasks?, arXiv:2003.14323, compares at equal effort.
    When: as the control of diet, simclr, byol, deep-clustering and mae, which come before another
    technique; a comparison runs it without being asked.
    When not: as a technique of its own: more passes over few labels seldom help.
    Example: graft compare photos -t longer-fine-tuning:times=1.0 -t "diet then lp-ft"
    """

    transfer: ClassVar[str] = "unsupervised"
    control_words: ClassVar[str] = "as many steps of plain fine-tuning"
    control_lacks: ClassVar[str] = "learning from samples without their labels"

    passes: Epochs | None = None
    """The passes of self-supervision over all samples; `auto` is as many as are usual."""
    times: Positive | None = None
    """The time that a sample takes in self-supervision, in steps of plain fine-tuning on it; `auto`
    is 1. A technique's control says it, so that the control of a slower one is not taken for it."""

    def more_epochs(self, counts: Mapping[str, int], usual: Callable[[int], float]) -> float:
        samples = counts["train"] + counts.get("unlabeled", 0)
        passes = (self.times or 1.0) * (self.passes or usual(samples))
        return passes * samples / counts["train"]
