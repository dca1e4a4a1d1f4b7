"""A network for classification cut into the modules that it runs one after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graft.backbones.backbone import evaluating, run_with_hooks
from graft.backbones.pyramids.levels import STRIDES

SIDE = 256
"""Pixels of the picture that shows the order: more than 224, so that a pooling to 7 x 7 before the
classifier is told from a level, and a multiple of all strides."""

Calls = dict[str, tuple[Tensor, Tensor]]
"""Path of a module -> what entered it and what it returned."""


class Stages(nn.ModuleDict):
    """Modules that run one after another; returns what the last one of each resolution gives."""

    def __init__(self, modules: dict[str, nn.Module], levels: tuple[str, ...]):
        super().__init__(modules)
        self.levels = levels

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = []
        for name, module in self.items():
            x = module(x)
            if name in self.levels:
                maps.append(x)
        return tuple(maps)


def cut_into_stages(network: nn.Module, channels_last: bool) -> Stages:
    """Return the modules of a network from its input to the last map, under their own names.

    Rows of modules are taken apart where they cross several resolutions. The forward of the network
    may do more than run the modules in turn: the chain ends where something else enters one.
    """
    calls = _calls(network)
    chain: list[str] = []
    previous: Tensor | None = None
    for path in _rows(network, "", calls):
        entering, leaving = calls[path]
        follows = previous is None or entering is previous
        if not follows or _stride(leaving, channels_last) is None:
            break
        chain.append(path)
        previous = leaving
    strides = [_stride(calls[path][1], channels_last) for path in chain]
    last = {stride: path for stride, path in zip(strides, chain, strict=True) if stride in STRIDES}
    kept = chain[: 1 + max((chain.index(path) for path in last.values()), default=-1)]
    prefix = _common_prefix(kept)
    names = {path: path.removeprefix(prefix).replace(".", "_") for path in kept}
    modules = {names[path]: network.get_submodule(path) for path in kept}
    return Stages(modules, tuple(names[path] for path in last.values()))


def _calls(network: nn.Module) -> Calls:
    """What enters and leaves each module that takes one tensor and returns one."""
    calls: Calls = {}

    def keep(path: str):
        def hook(module: nn.Module, args: tuple, output: object) -> None:
            if len(args) == 1 and isinstance(args[0], Tensor) and isinstance(output, Tensor):
                calls[path] = args[0], output

        return hook

    hooks = [m.register_forward_hook(keep(path)) for path, m in network.named_modules() if path]
    with evaluating(network), torch.no_grad():
        run_with_hooks(lambda: network(torch.zeros(1, 3, SIDE, SIDE)), hooks)
    return calls


def _rows(network: nn.Module, path: str, calls: Calls) -> list[str]:
    """The modules in a module, those in rows that cross several resolutions taken apart."""
    rows = []
    for name, module in network.get_submodule(path).named_children():
        inside = f"{path}.{name}" if path else name
        if inside not in calls:
            continue
        entering, leaving = calls[inside]
        crosses = entering.dim() == leaving.dim() == 4 and entering.shape[2] > 2 * leaving.shape[2]
        if isinstance(module, nn.Sequential) and crosses:
            rows += _rows(network, inside, calls)
        else:
            rows.append(inside)
    return rows


def _stride(tensor: Tensor, channels_last: bool) -> float | None:
    """How many pixels of the picture are one of the map; None for what is no map."""
    return SIDE / tensor.shape[1 if channels_last else 2] if tensor.dim() == 4 else None


def _common_prefix(paths: list[str]) -> str:
    """The containers that all of the modules are in, with their dot."""
    container = paths[0].rpartition(".")[0] if paths else ""
    while container and not all(path.startswith(f"{container}.") for path in paths):
        container = container.rpartition(".")[0]
    return f"{container}." if container else ""
