"""Proof that frozen tensors did not change: which tensors a phase froze, and their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.techniques.technique import Objective


def tensors(model: Model) -> Iterator[tuple[str, Tensor]]:
    """Yield the parameters without gradient, and the buffers of layers in eval mode."""
    for path, module in model.network.named_modules():
        prefix = path + "." if path else ""
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                yield prefix + name, parameter
        if not module.training:
            yield from (
                (prefix + name, buffer) for name, buffer in module.named_buffers(recurse=False)
            )


def state(objective: Objective) -> dict[str, Tensor]:
    """The state of the objective without its references, each tensor under one of its names."""
    return {name: tensor.detach() for name, tensor in _distinct(objective).items()}


def moving(objective: Objective) -> dict[str, Tensor]:
    """The state without what is frozen in its model: all that this phase may change."""
    fixed = {id(tensor) for _, tensor in tensors(objective.model)}
    return {
        name: tensor.detach()
        for name, tensor in _distinct(objective).items()
        if id(tensor) not in fixed
    }


def references(objective: Objective) -> dict[str, Tensor]:
    """The references that cannot be read from files again."""
    prefixes = _prefixes(set(objective.references) - set(objective.read_again))
    state_dict = objective.state_dict()
    return {name: tensor for name, tensor in state_dict.items() if name.startswith(prefixes)}


def _distinct(objective: Objective) -> dict[str, Tensor]:
    """The state without its references, each tensor under its first name.

    Tied weights, and layers that two models share, have several names in a state_dict.
    """
    prefixes = _prefixes(objective.references)
    by_tensor: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in objective.state_dict(keep_vars=True).items():
        if not name.startswith(prefixes):
            by_tensor.setdefault(id(tensor), (name, tensor))
    return dict(by_tensor.values())


def _prefixes(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{name}." for name in names)


def digest(model: Model) -> tuple[int, str]:
    """Count the frozen tensors, and hash their names and bytes."""
    hasher = hashlib.blake2b(digest_size=16)
    count = 0
    for name, tensor in tensors(model):
        hasher.update(name.encode())
        hasher.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        count += 1
    return count, hasher.hexdigest()
