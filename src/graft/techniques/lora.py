"""Low-rank adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from graft.backbones.backbone import Backbone, Model
from graft.base.errors import BadValue
from graft.base.ranges import Count, NotNegative, PartialShare, Positive
from graft.tasks.task import Task
from graft.techniques.specs.places import Place, group_number
from graft.techniques.technique import Objective, Optimizer, Phase, Technique


@dataclass(frozen=True)
class Lora(Technique):
    """Freeze the network and train a low-rank update beside its layers, and the head.

    The layers are every linear one and every ungrouped convolution.

    Formula: W' = W + (alpha / r) B A, B = 0 at the start; A, B and the head train. Merged into W at
    the end.
    Source: Hu et al.: LoRA, arXiv:2106.09685; layers by the PEFT library.
    When: large networks, little memory, many tasks on one network.
    When not: small networks, where full fine-tuning costs little more and often does better.
    Example: graft fit reviews.csv -t lora:r=4,alpha=8
    """

    adds_layers: ClassVar[bool] = True

    r: Count = 8
    """The rank of the update of each layer: a higher one trains more parameters."""
    alpha: Positive = 16
    """The scale of the update, which is multiplied by alpha / r."""
    dropout: PartialShare = 0.0
    """The share of the inputs of A that are set to 0 in training."""
    from_group: int = 0
    """The first layer group that is adapted, negative counts from the head; those before it run
    once an example."""
    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.0

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a missing layer group, no layer to adapt, or a rank beyond them."""
        super().check(backbone, task)
        targets = self._targets(Model(backbone))
        weights = [backbone.network.get_submodule(path).weight for path in targets]
        highest = max(min(weight.flatten(1).shape) for weight in weights)
        if self.r > highest:
            raise BadValue(
                f"r={self.r:,} of 'lora' is a rank that no layer of {backbone.name} has: the "
                f"highest is {highest:,}. Use a number from 1 to {highest:,}; 8 is usual."
            )

    def _targets(self, model: Model) -> list[str]:
        return _targets(model, group_number(model, self.from_group, "lora"))

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        from peft import LoraConfig, inject_adapter_in_model

        self.check(model.backbone, task)
        targets = self._targets(model)
        transposed = any(_is_conv1d(model.network.get_submodule(path)) for path in targets)
        config = LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=targets,
            fan_in_fan_out=transposed,
        )
        inject_adapter_in_model(config, model.network)
        for module in _find_adapters(model.network).values():
            module.cast_input_dtype_enabled = False  # autocast chooses, and would only cast back
        return LoraObjective(model, task)

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        def adapters(place: Place) -> bool:
            return place.group == -1 or ".lora_" in place.name

        return [Phase("fine-tuning", epochs, adapters, **self.rates(model, body=10.0, head=1.0))]


class LoraObjective(Objective):
    """The task's loss over a network with adapters; `finish` merges them into the weights."""

    def finish(self) -> Model:
        network = self.model.network
        for path, module in _find_adapters(network).items():
            module.merge()
            network.set_submodule(path, module.get_base_layer())
        del network.peft_config  # or PEFT warns of several adapters when the next ones are added
        return self.model


def _find_adapters(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers with an adapter."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, BaseTunerLayer)
    }


def _targets(model: Model, first: int) -> list[str]:
    indices = model.group_indices()

    def adaptable(path: str, module: nn.Module) -> bool:
        linear = isinstance(module, nn.Linear) or _is_conv1d(module)
        convolution = isinstance(module, nn.Conv2d) and module.groups == 1
        return (
            (linear or convolution)
            and path not in model.backbone.head
            and indices[f"{path}.weight"] >= first
        )

    targets = [path for path, module in model.network.named_modules() if adaptable(path, module)]
    if not targets:
        raise BadValue(
            f"'lora' found no linear layer or ungrouped convolution in {model.backbone.name}. Use "
            "'bitfit' or 'full-fine-tuning'."
        )
    return targets


def _is_conv1d(module: nn.Module) -> bool:
    """GPT-2's own linear layer, its weight transposed.

    Told by name, since transformers is not imported here.
    """
    return type(module).__name__ == "Conv1D"
