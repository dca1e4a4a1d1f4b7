"""A technique that joins the gradients of several tasks in the layers that they share."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from graft.techniques.tasks.weighting import WeightingObjective
from graft.techniques.technique import Backward


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
        earlier = _take(trained)
        if torch.is_tensor(rest) and rest.requires_grad:
            backward(rest, retain_graph=True)
            earlier = _add(earlier, _take(trained))
        by_task = []
        for number, loss in enumerate(tasks):
            backward(loss, retain_graph=number + 1 < len(tasks))
            by_task.append(_take(trained))
        shared = self._is_shared(trained)
        joined = _add_all(by_task)
        rows = [_flatten(task, trained, shared) for task in by_task]
        places = self.join(torch.stack(rows)).split([p.numel() for p, s in shared if s])
        parts = iter(places)
        for number, (parameter, is_shared) in enumerate(shared):
            if is_shared:
                joined[number] = next(parts).view_as(parameter).to(parameter.dtype)
        for parameter, gradient in zip(trained, _add(earlier, joined), strict=True):
            parameter.grad = gradient

    def _is_shared(self, trained: list[nn.Parameter]) -> list[tuple[nn.Parameter, bool]]:
        """Each parameter, and whether several tasks have it: not the rows of the last layer."""
        backbone = self.model.backbone
        last = backbone.network.get_submodule(backbone.last_linear).parameters()
        rows = set(map(id, last))
        return [(parameter, id(parameter) not in rows) for parameter in trained]


def _take(parameters: list[nn.Parameter]) -> list[Tensor | None]:
    """Return the gradients, and leave none."""
    gradients = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    return gradients


def _add(one: list[Tensor | None], other: list[Tensor | None]) -> list[Tensor | None]:
    pairs = zip(one, other, strict=True)
    return [b if a is None else a if b is None else a + b for a, b in pairs]


def _add_all(several: list[list[Tensor | None]]) -> list[Tensor | None]:
    total = several[0]
    for gradients in several[1:]:
        total = _add(total, gradients)
    return total


def _flatten(
    gradients: list[Tensor | None],
    trained: list[nn.Parameter],
    shared: list[tuple[nn.Parameter, bool]],
) -> Tensor:
    """Return the gradients of the shared parameters as one vector, 0 where there is none."""
    parts = [
        (torch.zeros_like(parameter) if gradient is None else gradient).flatten()
        for parameter, gradient, (_, is_shared) in zip(trained, gradients, shared, strict=True)
        if is_shared
    ]
    return torch.cat(parts).float() if parts else trained[0].new_zeros(0)
