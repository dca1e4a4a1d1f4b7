"""What the techniques share whose adapters are of low rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Count, PartialShare, Positive
from graft.tasks.task import Task
from graft.techniques.adapters.layers import find_layers, is_linear, is_ungrouped_convolution
from graft.techniques.adapters.peft_technique import PeftTechnique


@dataclass(frozen=True)
class LowRank(PeftTechnique):
    """Add an update of low rank to every linear layer and ungrouped convolution."""

    variant: ClassVar[dict[str, Any]] = {}
    """What the technique sets in PEFT's config beside its own settings."""

    r: Count = 8
    """The rank of the update of each layer: a higher one trains more parameters."""
    alpha: Positive = 16
    """The scale of the update, which is multiplied by alpha / r."""
    dropout: PartialShare = 0.0
    """The share of the inputs of A that are set to 0 in training."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue as `PeftTechnique.check`, and for a rank beyond those of the layers."""
        super().check(backbone, task)
        targets = self.targets(Model(backbone))
        weights = [backbone.network.get_submodule(path).weight for path in targets]
        highest = max(min(weight.flatten(1).shape) for weight in weights)
        if self.r > highest:
            raise BadValue(
                f"r={self.r:,} of {self.name!r} is a rank that no layer of {backbone.name} has: "
                f"the highest is {highest:,}. Use a number from 1 to {highest:,}; 8 is usual."
            )

    def find_targets(self, model: Model, first: int) -> list[str]:
        def adaptable(path: str, module: nn.Module) -> bool:
            return is_linear(module) or is_ungrouped_convolution(module)

        return find_layers(model, first, adaptable)

    def config(self, targets: list[str], transposed: bool) -> Any:
        from peft import LoraConfig

        return LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=targets,
            fan_in_fan_out=transposed,
            **self.variant,
        )
