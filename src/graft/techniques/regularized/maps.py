"""The outputs of the layer groups of a network, by which its behavior is compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from graft.backbones.backbone import Model


@contextmanager
def record_maps(model: Model) -> Iterator[dict[str, Tensor]]:
    """Within this context, the model keeps what the layer groups below its new head return.

    The dict has a tensor for each group whose last module runs and returns one.
    """
    groups = model.backbone.groups
    maps: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, args: tuple, output: Any) -> None:
        if (first := _first_tensor(output)) is not None:
            maps[name] = first

    hooks = [
        model.network.get_submodule(group.modules[-1]).register_forward_hook(
            partial(keep, group.name)
        )
        for group in (groups[:-1] if model.fresh_head else groups)
        if group.modules
    ]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def _first_tensor(output: Any) -> Tensor | None:
    """The tensor that a layer returns, alone or before others."""
    while isinstance(output, tuple | list | Mapping) and output:
        output = next(iter(output.values() if isinstance(output, Mapping) else output))
    return output if isinstance(output, Tensor) and output.is_floating_point() else None
