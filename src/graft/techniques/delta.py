"""Stay near the behavior of the pretrained network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from graft.backbones.backbone import Model, evaluating
from graft.base.ranges import NotNegative
from graft.base.records import Batch, Batches, Outputs
from graft.tasks.task import Task
from graft.techniques.formulas.delta import map_distance
from graft.techniques.regularized.fine_tuning import RegularizedFineTuning
from graft.techniques.regularized.maps import record_maps
from graft.techniques.regularized.start import StartObjective
from graft.techniques.specs.stream import LABELED
from graft.techniques.technique import Objective


@dataclass(frozen=True)
class Delta(RegularizedFineTuning):
    """Full fine-tuning with a penalty on how far the feature maps move from those at the start.

    Or, after a `+`, the penalty alone, for which the network reads each batch once more.
    Formula: L(task) + weight / 2 mean over layer groups j and examples n of ||F_j(w, x_n) - F_j(w0,
    x_n)||^2 / ||F_j(w0, x_n)||^2, F_j what the last layer of group j returns, w0 the weights at the
    start, without dropout.
    Source: Li et al.: DELTA: Deep Learning Transfer using Feature Map with Attention for
    Convolutional Networks, arXiv:1901.09229. There, channels are weighted by how much the loss
    rises without them, and distances are not relative.
    When: few labels and data like the pretraining data; weights may move if the features stay.
    When not: data far from the pretraining data; little time: it takes one more forward a step.
    Example: graft fit photos -t delta:weight=0.1
    """

    weight: NotNegative = 1.0
    """The weight of the penalty; 0 is plain fine-tuning."""
    weight_decay: NotNegative = 0.0

    def objective(self, model: Model, task: Task) -> Objective:
        return DeltaObjective(model, task, self.weight)


class DeltaObjective(StartObjective):
    """The task's loss and the distance of feature maps from those of the weights at the start.

    There is no second network: the start weights take the places of the present ones for a forward.
    """

    def __init__(self, model: Model, task: Task, weight: float):
        super().__init__(model, task)
        self.weight = weight
        self.maps: dict[str, Tensor] = {}

    def outputs(self, batches: Batches) -> Outputs:
        if not self.weight:
            return super().outputs(batches)
        others = {name: batch for name, batch in batches.items() if name != LABELED}
        with record_maps(self.model) as self.maps:
            outputs = super().outputs({LABELED: batches[LABELED]})
        return {**outputs, **super().outputs(others)}

    def extra_losses(
        self, outputs: Outputs, batches: Batches, progress: float
    ) -> dict[str, Tensor]:
        if not self.weight:
            return {}
        batch = batches[LABELED]
        now, self.maps = self.maps or self._read_maps(batch), {}
        now = {name: tensor for name, tensor in now.items() if tensor.requires_grad}
        start = self._read_start_maps(batch) if now else {}
        distances = [map_distance(now[name], start[name], batch.mask) for name in now]
        return {"distance": self.weight / 2 * torch.stack(distances).mean()} if now else {}

    def loss_weights(self, batches: Batches) -> dict[str, float | Tensor]:
        return {**super().loss_weights(batches), "distance": len(batches[LABELED])}

    def _read_maps(self, batch: Batch) -> dict[str, Tensor]:
        """The maps of now, where another technique has run the model."""
        with record_maps(self.model) as maps:
            self.model(batch)
        return maps

    @torch.no_grad()
    def _read_start_maps(self, batch: Batch) -> dict[str, Tensor]:
        weights = {f"network.{name}": start for name, _, start in self.pairs()}
        with evaluating(self.model), record_maps(self.model) as maps:
            functional_call(self.model, weights, (batch,))
        return maps
