"""Learned keys and values that each attention of a transformer also reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Model
from graft.base.errors import BadValue
from graft.base.ranges import Count
from graft.techniques.adapters.attention import find_attention
from graft.techniques.adapters.blocks import group_of
from graft.techniques.adapters.lasting import LastingTechnique
from graft.techniques.specs.places import group_number


@dataclass(frozen=True)
class PrefixTuning(LastingTechnique):
    """Freeze a transformer and train keys and values that each attention also reads, and the head.

    They stay in the network: `model/base` is the network of its library, `model/added.safetensors`
    the keys and values, and Graft opens both together. Tokens keep their positions, so that texts
    may be as long as before. They are learned as they are, and not through a network that the paper
    has in training.

    Formula: softmax(q [K_P, K]' / sqrt(d)) [V_P, V], K_P and V_P learned for each attention, that
    of a decoder to its encoder too; no mask hides them. K_P, V_P and the head train.
    Source: Li and Liang: Prefix-Tuning, arXiv:2101.00190; in every layer for classification: Liu et
    al.: P-Tuning v2, arXiv:2110.07602.
    When: many tasks on one large transformer, each a small file; generation of texts.
    When not: few steps; a network that computes attention in a way of its own, such as XLNet; a
    model that its library must open without Graft: use lora, which is merged.
    Example: graft fit reviews.csv -t prefix-tuning:tokens=20
    """

    kind: ClassVar[str] = "prefix"
    rate: ClassVar[float] = 100.0

    tokens: Count = 10
    """The learned keys and values of an attention: more of them train more parameters."""
    from_group: int = 0
    """The first layer group whose attention reads them, negative counts from the head; those before
    it run once an example."""

    def layers(self, model: Model) -> dict[str, dict[str, int]]:
        first = group_number(model, self.from_group, "prefix-tuning")
        groups = model.group_indices()
        layers = {
            path: {"tokens": self.tokens, **shape}
            for path, shape in find_attention(model.backbone).items()
            if group_of(path, groups) >= first
        }
        if not layers:
            raise BadValue(
                f"'prefix-tuning' found no attention in {model.backbone.name} from its layer group "
                f"{first} on that PyTorch's scaled_dot_product_attention computes. Use 'lora', "
                "which adapts linear layers and convolutions."
            )
        return layers
