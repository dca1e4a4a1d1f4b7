"""Vectors that scale what layers give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from graft.backbones.backbone import Model
from graft.techniques.adapters.layers import (
    KEYS_AND_VALUES,
    SECOND_OF_FEED_FORWARD,
    find_layers,
    is_linear,
    is_ungrouped_convolution,
)
from graft.techniques.adapters.peft_technique import PeftTechnique


@dataclass(frozen=True)
class Ia3(PeftTechnique):
    """Freeze the network and train one factor for each key, value and feed-forward activation.

    The layers are found by the names that transformers and timm give them. Where one layer computes
    queries, keys and values, all three are scaled. Of a network without such names the channels
    that each ungrouped convolution gives are scaled.

    Formula: k' = l_k k, v' = l_v v, h' = W_2 (l_f g(W_1 x)); l = 1 at the start; the factors and
    the head train. Merged into the weights at the end.
    Source: Liu et al.: Few-Shot Parameter-Efficient Fine-Tuning (IA3), arXiv:2205.05638; layers by
    the PEFT library.
    When: many tasks on one large network, few labels: it trains a tenth of what LoRA does.
    When not: data far from those of the pretraining: a factor can only make weaker or stronger what
    the network already computes.
    Example: graft fit reviews.csv -t ia3
    """

    added_names: ClassVar[str] = ".ia3_"
    rate: ClassVar[float] = 100.0

    def find_targets(self, model: Model, first: int) -> list[str]:
        def named(path: str, module: nn.Module) -> bool:
            is_known = KEYS_AND_VALUES.search(path) or SECOND_OF_FEED_FORWARD.search(path)
            return bool(is_known) and is_linear(module)

        def convolution(path: str, module: nn.Module) -> bool:
            return is_ungrouped_convolution(module)

        # Asked of the whole network: `from_group` must not turn a transformer into convolutions.
        wanted = named if find_layers(model, 0, named) else convolution
        return find_layers(model, first, wanted)

    def config(self, targets: list[str], transposed: bool) -> Any:
        from peft import IA3Config

        second = [path for path in targets if SECOND_OF_FEED_FORWARD.search(path)]
        return IA3Config(
            target_modules=targets, feedforward_modules=second, fan_in_fan_out=transposed
        )
