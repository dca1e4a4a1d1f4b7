"""Frozen means frozen: which tensors a phase froze, and a hash that shows that they did not move."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor

from graft.backbones.backbone import Model
from graft.techniques.technique import Objective


def tensors(model: Model) -> Iterator[tuple[str, Tensor]]:
    """The parameters without gradient, and the buffers (batch-norm statistics) of layers in eval mode."""
    for path, module in model.network.named_modules():
        prefix = path + "." if path else ""
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                yield prefix + name, parameter
        if not module.training:
            yield from ((prefix + name, buffer) for name, buffer in module.named_buffers(recurse=False))


def moving(objective: Objective) -> dict[str, Tensor]:
    """The state of the objective without what is frozen in its model: all that this phase may change."""
    held = {id(tensor) for _, tensor in tensors(objective.model)}
    return {name: tensor.detach() for name, tensor in objective.state_dict(keep_vars=True).items() if id(tensor) not in held}


def digest(model: Model) -> tuple[int, str]:
    """How many tensors are frozen, and a hash of their names and bytes."""
    found = hashlib.blake2b(digest_size=16)
    count = 0
    for name, tensor in tensors(model):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
        count += 1
    return count, found.hexdigest()
