"""Whether several tasks pull the layers that they share the same way."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.tasks.parts.one_of_several import BETWEEN, TASK
from graft.techniques.technique import Objective


def task_cosines(objective: Objective, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the cosine between the gradients of each pair of tasks, by their names.

    The gradients are those of the last layer group with weights that train, of all that the tasks
    share: to go back through one group costs little. None of a task without a label in the batch,
    or where nothing that is shared trains. The graph of the losses is kept.
    """
    names = (name for name in losses if name.startswith(TASK))
    tasks = {name.removeprefix(TASK): losses[name] for name in names}
    weights = _last_weights(objective.model) if len(tasks) > 1 else []
    if not weights:
        return {}
    gradients = {name: _gradient(loss, weights) for name, loss in tasks.items()}
    known = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    return {
        f"{one}{BETWEEN}{other}": torch.cosine_similarity(known[one], known[other], dim=0)
        for one, other in combinations(known, 2)
    }


def _last_weights(model: Model) -> list[Tensor]:
    """The matrices that train in the last layer group below the head that has some."""
    groups = model.group_indices()
    matrices: dict[int, list[Tensor]] = {}
    for name, parameter in model.network.named_parameters():
        if parameter.requires_grad and parameter.dim() > 1:
            matrices.setdefault(groups[name], []).append(parameter)
    matrices.pop(-1, None)
    return matrices[max(matrices)] if matrices else []


def _gradient(loss: Tensor, weights: list[Tensor]) -> Tensor | None:
    """The gradient of a loss (D), None if it has none or is 0."""
    if not loss.requires_grad:
        return None
    parts = torch.autograd.grad(
        loss, weights, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    gradient = torch.cat([part.detach().flatten().float() for part in parts])
    return gradient if gradient.any() else None
