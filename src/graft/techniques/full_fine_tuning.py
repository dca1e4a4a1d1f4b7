"""Everything trains."""

from __future__ import annotations

from dataclasses import dataclass

from graft.techniques.specs.fine_tuning import FineTuning


@dataclass(frozen=True)
class FullFineTuning(FineTuning):
    """Train all weights from the pretrained ones, the fresh head at a higher rate.

    Formula: min over all weights of L(task), started at the pretrained weights.
    Source: Girshick et al.: R-CNN, arXiv:1311.2524; Devlin et al.: BERT, arXiv:1810.04805.
    When: from some hundred labels a class on, or data unlike the pretraining data.
    When not: very few labels, little time, or a network that must keep what it knew.
    Example: graft fit photos -t full-fine-tuning:layer_decay=0.8
    """
