"""Low-rank adapters of the direction of weights, beside their magnitude."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from graft.techniques.adapters.low_rank import LowRank


@dataclass(frozen=True)
class Dora(LowRank):
    """LoRA on the direction of each weight vector; its length trains by itself.

    The layers are every linear one and every ungrouped convolution.

    Formula: W' = m V / |V|, V = W + (alpha / r) B A, B = 0 and m = |W| at the start, one length for
    each output; the gradient takes |V| as a constant. A, B, m and the head train. Merged into W at
    the end.
    Source: Liu et al.: DoRA, arXiv:2402.09353; layers by the PEFT library.
    When: LoRA at a low rank stays behind full fine-tuning.
    When not: little time: each step computes the lengths of all weights, so that it takes up to
    twice as long as one of LoRA.
    Example: graft fit reviews.csv -t dora:r=4
    """

    variant: ClassVar[dict[str, Any]] = {"use_dora": True}
