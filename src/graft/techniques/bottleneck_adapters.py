"""Narrow networks after the layers of a transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from graft.backbones.backbone import Model
from graft.base.errors import BadValue
from graft.base.ranges import Count
from graft.techniques.adapters.lasting import LastingTechnique
from graft.techniques.adapters.layers import (
    OUTPUT_OF_ATTENTION,
    SECOND_OF_FEED_FORWARD,
    find_layers,
    is_linear,
)
from graft.techniques.specs.places import group_number


@dataclass(frozen=True)
class BottleneckAdapters(LastingTechnique):
    """Freeze a transformer and train a narrow network after its layers, and the head.

    They stay in the network: `model/base` is the network of its library, `model/added.safetensors`
    what was added, and Graft opens both together.

    Formula: h + W_up gelu(W_down h), W_up = 0 at the start, h what the attention and the
    feed-forward part of each block give before they are added to the stream; W_up, W_down and the
    head train.
    Source: Houlsby et al.: Parameter-Efficient Transfer Learning for NLP, arXiv:1902.00751;
    after the feed-forward part alone: Pfeiffer et al.: AdapterFusion, arXiv:2005.00247.
    When: many tasks on one transformer, each a small file; what is learned is more than a change of
    the weights.
    When not: a model that its library must open without Graft, or that must be as quick as before:
    use lora, which is merged.
    Example: graft fit reviews.csv -t bottleneck-adapters:hidden=32
    """

    kind: ClassVar[str] = "bottleneck"
    rate: ClassVar[float] = 10.0

    hidden: Count = 16
    """The width of the narrow networks: a larger one trains more parameters."""
    place: Literal["both", "feed-forward"] = "both"
    """After the attention and the feed-forward part of each block, or after the latter alone."""
    from_group: int = 0
    """The first layer group that is adapted, negative counts from the head; those before it run
    once an example."""

    def layers(self, model: Model) -> dict[str, dict[str, int]]:
        first = group_number(model, self.from_group, "bottleneck-adapters")

        def wanted(path: str, module: nn.Module) -> bool:
            of_attention = self.place == "both" and OUTPUT_OF_ATTENTION.search(path)
            return is_linear(module) and bool(of_attention or SECOND_OF_FEED_FORWARD.search(path))

        targets = find_layers(model, first, wanted)
        if not targets:
            raise BadValue(
                f"'bottleneck-adapters' found no block of a transformer in {model.backbone.name}. "
                "Use 'lora', which adapts linear layers and convolutions."
            )
        return {path: {"hidden": self.hidden} for path in targets}
