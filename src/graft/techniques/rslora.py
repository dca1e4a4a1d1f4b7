"""Low-rank adapters whose scale does not fall with their rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from graft.base.ranges import Positive
from graft.techniques.adapters.low_rank import LowRank


@dataclass(frozen=True)
class Rslora(LowRank):
    """LoRA with an update scaled by the square root of its rank, so that high ranks learn too.

    Formula: W' = W + (alpha / sqrt(r)) B A, B = 0 at the start; A, B and the head train. Merged
    into W at the end.
    Source: Kalajdzievski: A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA,
    arXiv:2312.03732; layers by the PEFT library.
    When: ranks from 32 on, whose gradients LoRA's alpha / r makes small.
    When not: ranks of 8 and less, where it is LoRA with another alpha.
    Example: graft fit reviews.csv -t rslora:r=32
    """

    variant: ClassVar[dict[str, Any]] = {"use_rslora": True}

    alpha: Positive = 8
    """The scale of the update, which is multiplied by alpha / sqrt(r)."""
