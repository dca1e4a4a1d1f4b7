"""Which modules a replay can skip, and what they would return: tensors of the same shapes, without values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves, tree_map

from graft.backbones.backbone import observed
from graft.training.frozen.slots import Inputs, measure_sizes

FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)
"""What the forward of a network of any library may raise where it looks at values and there are none. It is only ever tried
so before a cut is used; the error's own words are in the note that tells why the whole network runs."""


@dataclass(frozen=True)
class _Call:
    args: tuple
    kwargs: dict[str, Any]
    output: Any


def find_skippable(network: nn.Module, boundary: str, probes: Sequence[Inputs]) -> tuple[str, ...]:
    """The largest frozen modules that ran wholly before the boundary, not again after it, and return a tensor an example.

    What they return otherwise (tables of positions, masks, what a decoder makes of as many tokens as it reads) is computed in a
    replay as well, and so not recorded.
    """
    calls = [_ran_before(network, boundary, inputs) for inputs in probes]
    sizes = [measure_sizes(inputs) for inputs in probes]
    chosen: list[str] = []
    for path in sorted(set(calls[0]) & set(calls[1]), key=lambda path: path.count(".")):
        module, (one, other) = network.get_submodule(path), (calls[0][path], calls[1][path])
        if any(path.startswith(above + ".") for above in chosen) or any(
            p.requires_grad for p in module.parameters()
        ):
            continue
        if _grows(one.output, other.output, sizes) and _has_shapes(module, one):
            chosen.append(path)
    return tuple(chosen)


def _ran_before(network: nn.Module, boundary: str, inputs: Inputs) -> dict[str, _Call]:
    """The modules that ran wholly before the boundary and not again after it, with their last call."""
    done: dict[nn.Module, _Call] = {}
    later: set[nn.Module] = set()
    target = network.get_submodule(boundary)

    def begins(module: nn.Module, args: tuple) -> None:
        if module is target or later:
            later.add(module)

    def ends(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if not later:
            done[module] = _Call(args, kwargs, output)

    hooks = [m.register_forward_pre_hook(begins) for m in network.modules()]
    hooks += [m.register_forward_hook(ends, with_kwargs=True) for m in network.modules()]
    observed(network, inputs, hooks)
    names = {module: name for name, module in network.named_modules()}
    return {names[module]: call for module, call in done.items() if module not in later}


def _grows(one: Any, other: Any, sizes: Sequence[tuple[int, int | None]]) -> bool:
    """Has each tensor of the output a dimension that grows as the batch does, and none but lengths that changes beside it?"""
    pairs = [
        (a, b)
        for a, b in zip(tree_leaves(one), tree_leaves(other), strict=False)
        if isinstance(a, Tensor)
    ]
    (ours, theirs), lengths = zip(*sizes, strict=True)

    def fits(a: Tensor, b: Tensor) -> bool:
        changing = [(m, n) for m, n in zip(a.shape, b.shape, strict=False) if m != n]
        batch = [(m, n) for m, n in changing if m * theirs == n * ours]
        return len(batch) > 0 and all(size == lengths for size in changing if size != batch[0])

    return all(fits(a, b) for a, b in pairs)


def _has_shapes(module: nn.Module, call: _Call) -> bool:
    try:
        trace_shapes(module, module.forward, call.args, call.kwargs)
    except FAILURES:  # it looks at values; the modules in it may not
        return False
    return True


def trace_shapes(module: nn.Module, forward: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """What the module would return, as tensors of the meta device: computed without values or weights."""

    def meta(leaf: Any) -> Any:
        return leaf.to("meta") if isinstance(leaf, Tensor) else leaf

    tensors = {
        name: tensor.to("meta")
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    with torch.no_grad(), replaced_forward(module, forward):
        return functional_call(module, tensors, tree_map(meta, args), tree_map(meta, kwargs))


@contextmanager
def replaced_forward(module: nn.Module, forward: Callable) -> Iterator[None]:
    """Call `forward` in place of the module's, which another library may have replaced too."""
    before = module.__dict__.get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


def make_nan(like: Tensor, device: torch.device | None) -> Tensor:
    """NaN (0 for whole numbers) of that shape, one number in memory."""
    value = float("nan") if like.is_floating_point() else 0
    return torch.full((), value, dtype=like.dtype, device=device).expand(like.shape)
