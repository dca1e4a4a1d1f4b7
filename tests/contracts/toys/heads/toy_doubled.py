"""A toy head: one file is all it takes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import ClassVar

import torch
from torch import nn

from graft.backbones import layer_groups
from graft.backbones.backbone import Backbone
from graft.backbones.heads.head import Head
from graft.base.job import Form


class ToyDoubled(Head):
    """A linear layer whose outputs are doubled; saved as one linear layer of twice the weights."""

    gives: ClassVar[dict[Form, frozenset[str]]] = {"vector": frozenset({"classes"})}

    def attach(self, backbone: Backbone, outputs: int | None) -> Backbone:
        network, last = backbone.network, backbone.head[-1]
        module = network.get_submodule(last)
        scale(module, 0.5)
        network.set_submodule(last, nn.Sequential(module, Twice()).eval())
        groups = layer_groups.find(network, backbone.head, backbone.preprocess.example())
        return replace(backbone, groups=groups)

    def detach(self, backbone: Backbone) -> nn.Module:
        network, last = copy.deepcopy(backbone.network), backbone.head[-1]
        module = network.get_submodule(last)[0]
        scale(module, 2.0)
        network.set_submodule(last, module)
        return network


class Twice(nn.Module):
    """Twice what comes in."""

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        return 2 * outputs


def scale(module: nn.Module, factor: float) -> None:
    """Multiply the outputs of a module that ends in a linear layer, exactly for powers of two."""
    final = [each for each in module.modules() if isinstance(each, nn.Linear)][-1]
    with torch.no_grad():
        for parameter in final.parameters():
            parameter.mul_(factor)
