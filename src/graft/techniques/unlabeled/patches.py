"""Vision transformers: where patches become tokens, and how to run one on some of its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Backbone, evaluating, run_with_hooks
from graft.base.records import Batch

MOST_OTHERS = 16
"""The most tokens before those of patches: of the class, of a teacher, registers."""


@dataclass(frozen=True)
class Patches:
    """How a vision transformer cuts pictures into patches, and which modules read them."""

    size: int
    """The side of a patch in pixels."""
    count: int
    """The patches of a picture, row by row."""
    others: int
    """The tokens before those of patches."""
    width: int
    """The numbers of a token."""
    first: str
    """The path of the first block that reads tokens."""
    last: str
    """The path of the last one."""


def find_patches(backbone: Backbone) -> Patches | None:
    """Return how the network cuts pictures; None if it is no vision transformer.

    It is one if its blocks also run on some of the tokens of a picture.
    """
    embedding = next((m for m in backbone.network.modules() if _cuts_patches(m)), None)
    if embedding is None:
        return None
    batch = Batch(backbone.preprocess.example())
    width, height = backbone.preprocess.size
    size = embedding.kernel_size[0]
    count = (width // size) * (height // size)
    for first, last in _stacks(backbone.network):
        shape = _shape_of_tokens(backbone, batch, first)
        others = shape[1] - count if len(shape) == 3 else -1
        if not 0 <= others <= MOST_OTHERS or shape[2] != embedding.out_channels:
            continue
        patches = Patches(size, count, others, shape[2], first, last)
        if _runs_on_some(backbone, batch, patches):
            return patches
    return None


def visible_places(is_hidden: Tensor) -> Tensor:
    """Return the places (N, V) of the patches that are not hidden (N, L), as many in each row."""
    return (~is_hidden).nonzero()[:, 1].view(len(is_hidden), -1)


def encode_visible(
    network: nn.Module, patches: Patches, visible: Tensor, run: Callable[[], Any]
) -> Tensor:
    """Return the tokens (N, others + V, D) after the last block of a forward on visible patches.

    `run` runs the network on whole pictures.
    """
    encoded: list[Tensor] = []

    def select(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict]:
        (name, tokens), *_ = (*enumerate(args), *kwargs.items())
        seen = tokens[:, patches.others :].gather(1, spread(visible, tokens.shape[-1]))
        kept = torch.cat([tokens[:, : patches.others], seen], dim=1)
        return ((kept, *args[1:]), kwargs) if name == 0 else (args, {**kwargs, name: kept})

    def keep(module: nn.Module, args: tuple, output: Any) -> None:
        encoded.append(output[0] if isinstance(output, tuple) else output)

    hooks = [
        network.get_submodule(patches.first).register_forward_pre_hook(select, with_kwargs=True),
        network.get_submodule(patches.last).register_forward_hook(keep),
    ]
    run_with_hooks(run, hooks)
    return encoded[0]


def spread(places: Tensor, width: int) -> Tensor:
    """Return places (N, V) for each of `width` numbers, (N, V, width)."""
    return places[..., None].expand(-1, -1, width)


def _cuts_patches(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and module.in_channels == 3
        and module.kernel_size == module.stride
        and module.kernel_size[0] == module.kernel_size[1] > 1
    )


def _stacks(network: nn.Module) -> Iterator[tuple[str, str]]:
    """The paths of the first and the last of several modules of one type, outer ones first."""
    for path, module in network.named_modules():
        blocks = list(module.named_children())
        is_stack = isinstance(module, nn.ModuleList | nn.Sequential)
        if is_stack and len({type(block) for _, block in blocks}) == 1:
            yield f"{path}.{blocks[0][0]}", f"{path}.{blocks[-1][0]}"


def _shape_of_tokens(backbone: Backbone, batch: Batch, first: str) -> tuple[int, ...]:
    """The shape of what a module reads, () if that is no tensor or it does not run."""
    shapes: list[tuple[int, ...]] = []

    def note(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        value = next(iter((*args, *kwargs.values())), None)
        shapes.append(tuple(value.shape) if isinstance(value, Tensor) else ())

    module = backbone.network.get_submodule(first)
    hook = module.register_forward_pre_hook(note, with_kwargs=True)
    with evaluating(backbone.network), torch.no_grad():
        run_with_hooks(lambda: backbone.call(backbone.network, batch), [hook])
    return shapes[0] if shapes else ()


def _runs_on_some(backbone: Backbone, batch: Batch, patches: Patches) -> bool:
    """Whether the blocks run on half of the patches as on all of them."""
    visible = torch.arange(0, patches.count, 2)[None]
    network = backbone.network
    try:
        with evaluating(network), torch.no_grad():
            tokens = encode_visible(
                network, patches, visible, lambda: backbone.call(network, batch)
            )
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
        return False  # windows and positions between tokens need all of them
    return tokens.shape == (1, patches.others + visible.shape[1], patches.width)
