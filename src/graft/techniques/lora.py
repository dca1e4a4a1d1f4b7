"""Low-rank adapters."""

from __future__ import annotations

from dataclasses import dataclass

from graft.techniques.adapters.low_rank import LowRank


@dataclass(frozen=True)
class Lora(LowRank):
    """Freeze the network and train a low-rank update beside its layers, and the head.

    The layers are every linear one and every ungrouped convolution.

    Formula: W' = W + (alpha / r) B A, B = 0 at the start; A, B and the head train. Merged into W at
    the end.
    Source: Hu et al.: LoRA, arXiv:2106.09685; layers by the PEFT library.
    When: large networks, little memory, many tasks on one network.
    When not: small networks, where full fine-tuning costs little more and often does better.
    Example: graft fit reviews.csv -t lora:r=4,alpha=8
    """
