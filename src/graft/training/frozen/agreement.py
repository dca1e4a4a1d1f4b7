"""Compare training on a recording with training of the whole network, before it is used."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graft.backbones.backbone import evaluating
from graft.base.records import RECORDED, Batch, Batches
from graft.techniques.technique import Objective
from graft.training.feeds.feeds import Feeds
from graft.training.frozen.frozen_prefix import Prefix

CHECKED = 4
"""Examples that are compared before a recording is used."""
GRADIENTS = 1e-3
"""How far gradients behind the cut may be from those of the whole network in fp32, as a share of
their norm."""
NUMBERS = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 2e-2}
"""The tolerance between recorded tensors and those computed now, in a batch of another size."""


def agree(
    prefix: Prefix, objective: Objective, plain: Feeds, behind: Feeds, seed: tuple[int, int]
) -> bool:
    """Whether training on the recordings equals training of the whole network.

    The recorded tensors must equal those computed now, and gradients in fp32 must be the same.
    """
    batches, recorded = (feeds.first_batches(CHECKED, seed) for feeds in (plain, behind))
    live = {}
    for name, batch in batches.items():
        with torch.no_grad(), prefix.trunk():
            entering = prefix.compute_recorded(batch)
            with prefix.engine.autocast():
                now = prefix.compute_recorded(batch)
        if not _are_near(prefix, now, recorded[name], batch.mask):
            return False
        live[name] = prefix.insert_recorded(batch, entering)
    one, other = (
        torch.cat([gradient.flatten() for gradient in _gradients(objective, given)])
        for given in (batches, live)
    )
    return _is_near(one, other, GRADIENTS)


def _are_near(prefix: Prefix, now: Sequence[Tensor], recorded: Batch, mask: Tensor | None) -> bool:
    """Whether the tensors of a recorded batch are those that are computed now."""
    # Behind a recording at the head the features are the only input.
    kept = recorded.extras.get(RECORDED, tuple(recorded.inputs.values()))
    tolerance = NUMBERS[prefix.engine.precision]
    return all(
        _is_near(_zero_padding(one, mask, lengths), other, tolerance)
        for one, other, lengths in zip(now, kept, prefix.lengths, strict=True)
    )


def _zero_padding(tensor: Tensor, mask: Tensor | None, lengths: int) -> Tensor:
    """Return the tensor (B, lengths..., ...) with zeros where the mask (B, T) is 0.

    A recording returns it like this.
    """
    for dimension in range(1, lengths + 1):
        shape = [len(mask) if d == 0 else -1 if d == dimension else 1 for d in range(tensor.dim())]
        tensor = tensor * mask.view(shape).to(tensor.dtype)
    return tensor


def _is_near(one: Tensor, other: Tensor, tolerance: float) -> bool:
    one, other = one.float(), other.float()
    return bool((one - other).norm() <= tolerance * one.norm().clamp(min=1e-12))


def _gradients(objective: Objective, batches: Batches) -> list[Tensor]:
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    with evaluating(objective), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loss = sum(objective(batches, 0.0).values())
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return [
        torch.zeros_like(p) if g is None else g.float()
        for p, g in zip(parameters, gradients, strict=True)
    ]
