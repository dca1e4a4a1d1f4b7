"""The principal part of a weight as an adapter of low rank, and the change of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from graft.backbones.adapters.peft_folder import KeptAdapter
from graft.techniques.adapters.layers import is_conv1d

ADAPTER = "default"
"""The name that PEFT gives to an adapter without one."""


@torch.no_grad()
def split_off(module: nn.Module) -> None:
    """Move the principal part of the weight of a layer with a LoRA into A and B.

    The largest r singular values are shared evenly by A and B. A layer whose rank is lower than r
    has zeros in the rest of B.
    """
    base, scale, rank = module.get_base_layer(), module.scaling[ADAPTER], module.r[ADAPTER]
    down, up = module.lora_A[ADAPTER].weight, module.lora_B[ADAPTER].weight
    weight = base.weight.T if is_conv1d(base) else base.weight
    left, values, right = torch.linalg.svd(weight.flatten(1).float(), full_matrices=False)
    count = min(rank, len(values))
    roots = (values[:count] / scale).sqrt()
    new_down, new_up = down.flatten(1).clone(), torch.zeros_like(up.flatten(1))
    new_down[:count] = roots[:, None] * right[:count]  # (r, inputs)
    new_up[:, :count] = left[:, :count] * roots  # (outputs, r)
    down.copy_(new_down.view_as(down))
    up.copy_(new_up.view_as(up))
    principal = (scale * new_up @ new_down).view_as(weight)
    base.weight -= principal.T if is_conv1d(base) else principal


class Starts(nn.Module):
    """The A and B of layers as they are now, by the paths of the layers."""

    def __init__(self, adapted: Mapping[str, nn.Module]):
        super().__init__()
        self.names: dict[str, str] = {}
        for number, (path, module) in enumerate(adapted.items()):
            for part in ("lora_A", "lora_B"):
                weight = getattr(module, part)[ADAPTER].weight
                self.register_buffer(f"{part}_{number}", weight.detach().clone())
                self.names[f"{path}.{part}.weight"] = f"{part}_{number}"

    def start_of(self, name: str) -> Tensor | None:
        """Return the start of the tensor of an adapter, None for another tensor."""
        return self.get_buffer(self.names[name]).cpu() if name in self.names else None


def as_plain_lora(kept: KeptAdapter, starts: Starts) -> KeptAdapter:
    """Return a LoRA of twice the rank for W whose update is that of the kept one since its start.

    Formula: B A - B0 A0 = [B, -B0] [A; A0].
    """
    tensors = {}
    for name, tensor in kept.tensors.items():
        start = starts.start_of(name)
        if start is not None and ".lora_A." in name:
            tensor = torch.cat([tensor, start])
        elif start is not None:
            tensor = torch.cat([tensor, -start], dim=1)
        tensors[name] = tensor
    config = copy.deepcopy(kept.config)
    config.r, config.lora_alpha = 2 * config.r, 2 * config.lora_alpha
    return KeptAdapter(config, tensors, kept.head)
