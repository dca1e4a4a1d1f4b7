"""What techniques share that add layers of the PEFT library to a network and merge them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import nn

from graft.backbones.adapters.peft_folder import KeptAdapter, check_keepable, collect
from graft.backbones.backbone import Backbone, Model
from graft.base import plugins
from graft.base.errors import BadValue
from graft.base.ranges import NotNegative
from graft.tasks.task import Task
from graft.techniques.adapters.layers import is_conv1d
from graft.techniques.specs.places import Place, group_number
from graft.techniques.technique import Objective, Optimizer, Phase, Technique


@dataclass(frozen=True)
class PeftTechnique(Technique):
    """Freeze the network; train what PEFT adds to its layers, and the head.

    What was added is merged into the weights at the end, so that an ordinary network comes out.
    """

    adds_layers: ClassVar[bool] = True
    added_names: ClassVar[str] = ".lora_"
    """What the names of the added parameters contain."""
    rate: ClassVar[float] = 10.0
    """The learning rate of what is added, in multiples of the one of full fine-tuning."""

    from_group: int = 0
    """The first layer group that is adapted, negative counts from the head; those before it run
    once an example."""
    keep: Literal["merged", "adapter"] = "merged"
    """Whether the run also keeps the adapter and the head by themselves, in `adapter/`, as PEFT
    saves them; the merged model is always there."""
    optimizer: Optimizer | None = "adamw"
    weight_decay: NotNegative = 0.0

    @abstractmethod
    def find_targets(self, model: Model, first: int) -> list[str]:
        """Return the paths of the layers to adapt, from the layer group `first` on."""

    @abstractmethod
    def config(self, targets: list[str], transposed: bool) -> Any:
        """Return PEFT's config; `transposed` are the weights of GPT-2's layers."""

    def check(self, backbone: Backbone, task: Task) -> None:
        """Raise BadValue for a missing layer group, no layer to adapt, or what cannot be kept."""
        super().check(backbone, task)
        self.targets(Model(backbone))
        if self.keeps_adapter:
            check_keepable(backbone, self.name, self.batch_norm)

    @property
    def keeps_adapter(self) -> bool:
        return self.keep == "adapter"

    @property
    def name(self) -> str:
        """Its public name."""
        return plugins.name_of(type(self))

    def targets(self, model: Model) -> list[str]:
        """Return the paths of the layers to adapt; raises BadValue if there are none."""
        targets = self.find_targets(model, group_number(model, self.from_group, self.name))
        if not targets:
            raise BadValue(
                f"{self.name!r} found no layer in {model.backbone.name} that it can adapt: see "
                f"'graft info {self.name}'. Use 'bitfit' or 'full-fine-tuning'."
            )
        return targets

    def objective(self, model: Model, task: Task) -> Objective:
        """Raises BadValue as `check` does."""
        self.check(model.backbone, task)
        self.inject(model)
        return MergingObjective(model, task, self)

    def inject(self, model: Model) -> None:
        """Add PEFT's layers to the network."""
        from peft import inject_adapter_in_model

        targets = self.targets(model)
        transposed = any(is_conv1d(model.network.get_submodule(path)) for path in targets)
        inject_adapter_in_model(self.config(targets, transposed), model.network)
        for module in find_adapted(model.network).values():
            module.cast_input_dtype_enabled = False  # autocast chooses, and would only cast back

    def phases(self, model: Model, epochs: float) -> list[Phase]:
        def added(place: Place) -> bool:
            return place.group == -1 or self.added_names in place.name

        rates = self.rates(model, body=self.rate, head=10 / self.rate)
        return [Phase("fine-tuning", epochs, added, **rates)]


class MergingObjective(Objective):
    """The task's loss over a network with adapters; `finish` merges them into the weights."""

    def __init__(self, model: Model, task: Task, technique: PeftTechnique):
        super().__init__(model, task)
        self.technique = technique

    def kept(self) -> KeptAdapter:
        """Return the adapter and the head as PEFT saves them, for the network as it was."""
        return collect(self.model, sorted(find_adapted(self.model.network)))

    def finish(self) -> Model:
        network = self.model.network
        if self.technique.keeps_adapter:
            self.model.kept = self.kept()
        for path, module in find_adapted(network).items():
            module.merge()
            network.set_submodule(path, module.get_base_layer())
        del network.peft_config  # or PEFT warns of several adapters when the next ones are added
        return self.model


def find_adapted(network: nn.Module) -> dict[str, nn.Module]:
    """Return the layers with an adapter by their paths."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, BaseTunerLayer)
    }
