"""Find the modules that a replay can skip, and the shapes of the tensors that they return.

`find_skippable` watches two forwards and asks of each module that ran before the boundary whether
it can be skipped. `trace_shapes` runs a module on tensors without numbers. Both leave the network
as it was: `restore_attributes` puts back what a module keeps for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_leaves, tree_map

from graft.backbones.backbone import Model, run_with_hooks
from graft.base.records import Batch
from graft.training.frozen.slots import Sizes

FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)
"""Errors that the forward of any library may raise if it depends on values that are missing.

A network is run that way only to try a cut; the note that tells why the whole network runs has the
error's own words.
"""
CONSTANTS = (bool, int, float, str, type(None))
"""Types that a module may return besides tensors, since a replay can return them again."""


@dataclass(frozen=True)
class _Call:
    """One call of a module."""

    args: tuple
    kwargs: dict[str, Any]
    output: Any


def find_skippable(model: Model, boundary: str, probes: Sequence[Batch]) -> tuple[str, ...]:
    """Name the largest frozen modules that ran before the boundary, and not again after it.

    Each returns one tensor per example. Other outputs (tables of positions, masks, what a decoder
    makes of as many tokens as it reads) is computed in a replay as well, and so not recorded.
    """
    network = model.network
    first, second = (_find_finished_modules(model, boundary, batch) for batch in probes)
    sizes = [Sizes.of(batch) for batch in probes]
    chosen: list[str] = []
    for path in sorted(set(first) & set(second), key=lambda path: path.count(".")):
        module = network.get_submodule(path)
        inside = any(path.startswith(above + ".") for above in chosen)
        if inside or any(p.requires_grad for p in module.parameters()):
            continue
        outputs = first[path].output, second[path].output
        if _has_examples(*outputs, sizes) and _has_shapes(module, first[path]):
            chosen.append(path)
    return tuple(chosen)


def _find_finished_modules(model: Model, boundary: str, batch: Batch) -> dict[str, _Call]:
    """Map the modules that ran wholly before the boundary, and not after it, to their last call."""
    network = model.network
    done: dict[nn.Module, _Call] = {}
    later: set[nn.Module] = set()
    target = network.get_submodule(boundary)

    def begin(module: nn.Module, args: tuple) -> None:
        if module is target or later:
            later.add(module)

    def end(module: nn.Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        if not later:
            done[module] = _Call(args, kwargs, output)

    hooks = [m.register_forward_pre_hook(begin) for m in network.modules()]
    hooks += [m.register_forward_hook(end, with_kwargs=True) for m in network.modules()]
    run_with_hooks(lambda: model(batch), hooks)
    names = {module: name for name, module in network.named_modules()}
    return {names[module]: call for module, call in done.items() if module not in later}


def _has_examples(one: Any, other: Any, sizes: Sequence[Sizes]) -> bool:
    """Whether the outputs of a module are tensors that grow with the batch, at least one.

    Beside the examples only lengths of the mask may change. Anything but tensors and constants may
    hold tensors that nobody sees, and cannot be made up.
    """
    ours, theirs = tree_leaves(one), tree_leaves(other)
    if any(not isinstance(leaf, (Tensor, *CONSTANTS)) for leaf in (*ours, *theirs)):
        return False
    pairs = [
        (a.shape, b.shape)
        for a, b in zip(ours, theirs, strict=False)
        if isinstance(a, Tensor) and isinstance(b, Tensor)
    ]
    return len(pairs) > 0 and all(_grows(a, b, sizes) for a, b in pairs)


def _grows(one: torch.Size, other: torch.Size, sizes: Sequence[Sizes]) -> bool:
    (ours, theirs), lengths = zip(*sizes, strict=True)
    changing = [(m, n) for m, n in zip(one, other, strict=False) if m != n]
    # Lengths may happen to grow as the examples do, such as 20 to 30 beside 2 to 3.
    batches = [(m, n) for m, n in changing if m * theirs == n * ours]
    return any(all(size in (batch, lengths) for size in changing) for batch in batches)


def _has_shapes(module: nn.Module, call: _Call) -> bool:
    try:
        trace_shapes(module, module.forward, call.args, call.kwargs)
    except FAILURES:  # it looks at values; the modules in it may not
        return False
    return True


def trace_shapes(module: nn.Module, forward: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Return what the module would return, as tensors of the meta device.

    They are computed without values or weights.
    """

    def move(leaf: Any) -> Any:
        return leaf.to("meta") if isinstance(leaf, Tensor) else leaf

    tensors = {
        name: tensor.to("meta")
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }
    with torch.no_grad(), restore_attributes(module), replace_forward(module, forward):
        return functional_call(module, tensors, tree_map(move, args), tree_map(move, kwargs))


@contextmanager
def restore_attributes(network: nn.Module) -> Iterator[None]:
    """Put back the attributes of every module afterwards, with what lists and dicts in them hold.

    Networks keep what they computed (anchors, tables of positions, masks), and what they compute
    from tensors without numbers would spoil every later forward.
    """
    before = [(module, dict(vars(module))) for module in network.modules()]
    held = [
        (value, value.copy())
        for _, attributes in before
        for value in attributes.values()
        if isinstance(value, dict | list | set)
    ]
    try:
        yield
    finally:
        for module, attributes in before:
            vars(module).clear()
            vars(module).update(attributes)
        for value, content in held:
            value.clear()
            value.extend(content) if isinstance(value, list) else value.update(content)


@contextmanager
def replace_forward(module: nn.Module, forward: Callable) -> Iterator[None]:
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
    """Return NaN (0 for whole numbers) of that shape, one number in memory."""
    value = float("nan") if like.is_floating_point() else 0
    return torch.full((), value, dtype=like.dtype, device=device).expand(like.shape)
