"""Put some of the pretrained weights back at each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.func import functional_call

from graft.backbones.backbone import Model
from graft.base.ranges import PartialShare
from graft.base.records import Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.adapters.layers import is_linear
from graft.techniques.formulas.mixout import mixout
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.start import StartObjective
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Mixout(RegularizedFineTuning):
    """Full fine-tuning in which each step computes with some of the pretrained weights.

    Formula: min over w of the mean over M of L(task; w0 + (1 - M) / (1 - p) (w - w0)), each number
    of M 1 with `probability` p, else 0, drawn at each step for the weights of linear layers and
    convolutions below the head, w0 the pretrained ones. Predictions are those of w.
    Source: Lee, Cho, Kang: Mixout: Effective Regularization to Finetune Large-scale Pretrained
    Language Models, arXiv:1909.11299, with p from 0.7 to 0.9 for BERT.
    When: a large network on few labels, where some seeds end far worse than others.
    When not: data far from the pretraining data; convolutions with few numbers, which the noise
    moves much.
    Example: graft fit reviews.csv -t mixout:probability=0.9
    """

    can_be_added: ClassVar[bool] = False

    probability: PartialShare = 0.7
    """The share of the weights that are the pretrained ones at a step; 0 is plain fine-tuning."""

    def objective(self, model: Model, task: Task) -> Objective:
        return MixoutObjective(model, task, self.probability)


class MixoutObjective(StartObjective):
    """The task's loss of a network with some of the weights that it began with."""

    def __init__(self, model: Model, task: Task, probability: float):
        super().__init__(model, task)
        self.probability = probability

    def outputs(self, batches: Batches) -> Outputs:
        # In evaluation, and where a recording is compared, the weights are those of now.
        if not self.probability or not self.model.network.training:
            return super().outputs(batches)
        mixed = self._mix()
        return {
            name: functional_call(self.model, mixed, (batch,)) for name, batch in batches.items()
        }

    def _mix(self) -> dict[str, Tensor]:
        """The mixed weights by their names in the model."""
        return {
            f"network.{name}": mixout(weight, start, self.probability)
            for name, weight, start in self.pairs()
            if weight.requires_grad and _is_mixed(self.model.network, name)
        }


def _is_mixed(network: nn.Module, name: str) -> bool:
    """Whether a parameter is the weight of a linear layer or a convolution."""
    path, _, last = name.rpartition(".")
    layer = network.get_submodule(path)
    is_convolution = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return last == "weight" and (is_linear(layer) or is_convolution)
