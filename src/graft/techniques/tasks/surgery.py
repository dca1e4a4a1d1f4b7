"""A technique that joins the gradients of several tasks in the layers that they share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from graft.techniques.tasks.weighting import WeightingObjective
from graft.techniques.technique import Backward

Gradients = list[Tensor | None]
"""The gradient of each parameter that trains; None where there is none."""


class SurgeryObjective(WeightingObjective):
    """Computes the gradient of each task, and joins those of the shared layers.

    The rows of the last layer belong to one task each: there, gradients are added. So are those of
    all other losses.
    """

    @abstractmethod
    def join(self, gradients: Tensor) -> Tensor:
        """Join the gradients (K, D) of the tasks into one (D) of the scale of their sum."""

    def backward(self, losses: dict[str, Tensor], backward: Backward) -> None:
        trained = [p for p in self.model.network.parameters() if p.requires_grad]
        tasks, rest = self.split(losses)
        if not trained or not tasks.requires_grad:
            super().backward(losses, backward)
            return
        others = _take(trained)  # of pieces of the batch that came before
        if torch.is_tensor(rest) and rest.requires_grad:
            backward(rest, retain_graph=True)
            others = _add(others, _take(trained))
        by_task = []
        for number, loss in enumerate(tasks):
            backward(loss, retain_graph=number + 1 < len(tasks))
            by_task.append(_take(trained))
        whole = _add(others, self._join_tasks(trained, by_task))
        for parameter, gradient in zip(trained, whole, strict=True):
            parameter.grad = gradient

    def _join_tasks(self, trained: list[nn.Parameter], by_task: list[Gradients]) -> Gradients:
        """Return the sum over the tasks, and for shared parameters what `join` makes of them."""
        joined = reduce(_add, by_task)
        places = self._shared_places(trained)
        if not places:
            return joined
        shared = [trained[place] for place in places]
        rows = [_flatten([gradients[place] for place in places], shared) for gradients in by_task]
        parts = self.join(torch.stack(rows)).split([parameter.numel() for parameter in shared])
        for place, part in zip(places, parts, strict=True):
            joined[place] = part.view_as(trained[place]).to(trained[place].dtype)
        return joined

    def _shared_places(self, trained: list[nn.Parameter]) -> list[int]:
        """Which parameters several tasks have: all but the rows of the last layer."""
        backbone = self.model.backbone
        last = backbone.network.get_submodule(backbone.last_linear).parameters()
        rows = set(map(id, last))
        return [place for place, parameter in enumerate(trained) if id(parameter) not in rows]


def _take(parameters: list[nn.Parameter]) -> Gradients:
    """Return the gradients, and leave none."""
    gradients = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    return gradients


def _add(one: Gradients, other: Gradients) -> Gradients:
    pairs = zip(one, other, strict=True)
    return [b if a is None else a if b is None else a + b for a, b in pairs]


def _flatten(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return the gradients as one vector (D), 0 where there is none."""
    parts = [
        (torch.zeros_like(parameter) if gradient is None else gradient).flatten()
        for gradient, parameter in zip(gradients, parameters, strict=True)
    ]
    return torch.cat(parts).float()
