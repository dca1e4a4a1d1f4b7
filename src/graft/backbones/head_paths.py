"""Find the modules of the head of a network of transformers by one forward."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from graft.backbones.backbone import call, run_with_hooks
from graft.base.errors import BackboneError
from graft.base.job import Form
from graft.base.records import Batch


def find(network: Any, example: dict[str, Tensor], absent: Collection[str] = ()) -> tuple[str, ...]:
    """The modules of the head, in the order in which they run.

    They are those beside the base network; the last one if there is no base network. What runs
    right before them and has none of its weights from the checkpoint, whose names are `absent`,
    belongs to the head too, as a pooler or projector that begins at random.
    """
    order = _run_order(network, example)
    children = [path for path, _ in network.named_children() if path in order]
    base = network.base_model
    beside = [path for path in children if network.get_submodule(path) is not base]
    head = sorted(beside, key=order.__getitem__)
    head = head[-1:] if base is network else head
    return (*_fresh(network, order, head, absent), *head)


def _run_order(network: nn.Module, example: dict[str, Tensor]) -> dict[str, int]:
    """Name of a module -> the step at which it began to run."""
    order: dict[str, int] = {}

    def note(name: str) -> None:
        order.setdefault(name, len(order))

    hooks = [
        module.register_forward_pre_hook(lambda module, args, name=name: note(name))
        for name, module in network.named_modules()
    ]
    with torch.no_grad():
        run_with_hooks(lambda: network(**example), hooks)
    return order


def _fresh(
    network: nn.Module, order: dict[str, int], head: list[str], absent: Collection[str]
) -> list[str]:
    """The largest modules without a tensor of the checkpoint, if only the head runs after them."""
    modules: list[str] = []
    for name, module in network.named_modules():
        tensors = [f"{name}.{tensor}" for tensor, _ in module.named_parameters()]
        is_new = name in order and tensors and set(tensors) <= set(absent)
        if is_new and not _is_within(name, [*modules, *head]):
            modules.append(name)
    modules.sort(key=order.__getitem__)
    later = [
        name
        for name in order
        if modules
        and order[name] > order[modules[0]]
        and any(True for _ in network.get_submodule(name).parameters(recurse=False))
    ]
    return modules if all(_is_within(name, [*modules, *head]) for name in later) else []


def _is_within(name: str, paths: Iterable[str]) -> bool:
    return any(name == path or name.startswith(f"{path}.") for path in paths)


def features(
    network: Any, head: tuple[str, ...], example: dict[str, Tensor]
) -> tuple[Form, Literal["first", "last"] | None, int]:
    """The form of what enters the head, which position counts if the head pools it, and its width.

    Which position counts is seen by where the gradient of the logits is.
    """
    entered: list[Tensor] = []

    def watch(module: nn.Module, args: tuple) -> tuple:
        entered.append(args[0].detach().requires_grad_())
        return (entered[0], *args[1:])

    hook = network.get_submodule(head[0]).register_forward_pre_hook(watch)
    with torch.enable_grad():
        raw, _ = run_with_hooks(lambda: call(network, Batch(example)), [hook])
    entering = entered[0]
    if isinstance(raw, dict) or raw.dim() == 3:  # several tensors, or several numbers a token
        return "sequence", None, entering.shape[-1]
    if entering.dim() == 2:
        return "vector", None, entering.shape[-1]
    (gradient,) = torch.autograd.grad(raw.square().sum(), entering)
    counts = gradient.abs().sum(2) > 0
    if (counts.sum(1) != 1).any():
        raise BackboneError(
            f"The head of {type(network).__name__} reads several "
            "positions of a sequence, which Graft cannot record."
        )
    return "vector", "first" if counts[:, 0].all() else "last", entering.shape[-1]
