"""Learned tokens that a vision transformer reads beside those of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Count
from graft.tasks.task import Task
from graft.techniques.adapters.blocks import find_blocks, group_of, reads_more_tokens
from graft.techniques.adapters.lasting import LastingTechnique
from graft.techniques.specs.places import group_number


@dataclass(frozen=True)
class Vpt(LastingTechnique):
    """Freeze a vision transformer and train tokens that its blocks also read, and the head.

    They stay in the network: `model/base` is the network of its library, `model/added.safetensors`
    the tokens, and Graft opens both together.

    Formula: [x_i, _] = block_i([x_(i-1), P_i]), P_i learned for each block; with deep=false
    [x_i, Z_i] = block_i([x_(i-1), Z_(i-1)]), Z_0 = P alone learned. P and the head train.
    Source: Jia et al.: Visual Prompt Tuning, arXiv:2203.12119.
    When: many tasks on one large ViT, each a small file; few pictures.
    When not: networks for pictures without a plain stack of blocks, such as convolutional ones and
    Swin; a model that its library must open without Graft: use lora.
    Example: graft fit photos -b timm:vit_small_patch16_224 -t vpt:tokens=5
    """

    kind: ClassVar[str] = "prompts"
    rate: ClassVar[float] = 30.0

    tokens: Count = 10
    """The learned tokens that a block reads: more of them train more parameters and take longer."""
    deep: bool = True
    """Whether each block has tokens of its own, or only the first one, which go through all."""
    from_group: int = 0
    """The first layer group whose blocks read them, negative counts from the head; those before it
    run once an example."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a missing layer group, or a network that is no plain ViT."""
        super().check(backbone, task)
        if not reads_more_tokens(backbone, self.leave(backbone)):
            raise _no_vit(backbone)

    def layers(self, model: Model) -> dict[str, dict[str, int]]:
        first = group_number(model, self.from_group, "vpt")
        blocks, width = find_blocks(model.backbone)
        groups = model.group_indices()
        numbers = {block: group_of(block, groups) for block in blocks}
        chosen = [block for block, number in numbers.items() if number >= first]
        if not chosen:
            raise _no_vit(model.backbone)
        return {
            block: {
                "appended": self.tokens if self.deep or block == chosen[0] else 0,
                "removed": self.tokens if self.deep or block == chosen[-1] else 0,
                "width": width,
            }
            for block in (chosen if self.deep else dict.fromkeys((chosen[0], chosen[-1])))
        }


def _no_vit(backbone: Backbone) -> BadValue:
    return BadValue(
        f"'vpt' found no plain stack of blocks in {backbone.name} that reads tokens of pictures "
        "and takes more of them. Use 'lora', which adapts linear layers and convolutions."
    )
