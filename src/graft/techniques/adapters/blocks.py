"""The blocks of a vision transformer, found by one forward."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.adapters.layer import plain_layer
from graft.backbones.backbone import Backbone, evaluating, run_with_hooks
from graft.base.records import Batch


def find_blocks(backbone: Backbone) -> tuple[list[str], int]:
    """Return the paths of the blocks in forward order, and the width of their tokens.

    They are equal modules of one list, each of which reads and gives tokens (B, T, D) of one shape.
    There are none if there is no such list, or the network reads no pictures.
    """
    network = backbone.network
    if backbone.preprocess.reads != "image":
        return [], 0
    shapes = _token_shapes(backbone)
    for path, module in network.named_modules():
        if not isinstance(module, nn.ModuleList | nn.Sequential) or len(module) < 2:
            continue
        blocks = [f"{path}.{name}" if path else name for name, _ in module.named_children()]
        kinds = {type(plain_layer(network.get_submodule(block))) for block in blocks}
        passed = {shapes.get(block) for block in blocks}
        if len(kinds) == len(passed) == 1 and (shape := passed.pop()):
            return blocks, shape[2]
    return [], 0


def reads_more_tokens(backbone: Backbone, longer: AbstractContextManager[None]) -> bool:
    """Whether the network runs within `longer`, a context that gives it more tokens.

    It does not if their number is fixed inside.
    """
    try:
        with longer:
            run_example(backbone)
    except (RuntimeError, ValueError, TypeError, AssertionError):
        return False
    return True


def _token_shapes(backbone: Backbone) -> dict[str, tuple[int, ...]]:
    """Path of a module -> the shape (B, T, D) of the tokens that enter it and come out of it."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(path: str, args: tuple, output: Any) -> None:
        entering = args[0] if args else None
        are_tensors = isinstance(entering, Tensor) and isinstance(output, Tensor)
        if are_tensors and entering.dim() == 3 and entering.shape == output.shape:
            shapes[path] = tuple(output.shape)

    hooks = [
        module.register_forward_hook(
            lambda module, args, output, path=path: note(path, args, output)
        )
        for path, module in backbone.network.named_modules()
    ]
    run_with_hooks(lambda: run_example(backbone), hooks)
    return shapes


def run_example(backbone: Backbone) -> None:
    """Run the network once on the example of its preprocessing."""
    network = backbone.network
    like = next(network.parameters())
    inputs = {
        name: tensor.to(like.device, like.dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in backbone.preprocess.example().items()
    }
    with evaluating(network), torch.no_grad():
        backbone.call(network, Batch(inputs))


def group_of(path: str, groups: dict[str, int]) -> int:
    """The layer group of a module, by those of its tensors."""
    return next(number for name, number in groups.items() if name.startswith(f"{path}."))
