"""Frozen batch norm is a scale and a shift: folded into the convolution before it, it is free.

Formula: W' = W g / sqrt(v + e), b' = (b - m) g / sqrt(v + e) + beta. Source: Jacob et al.,
arXiv:1712.05877, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode

from graft.backbones.backbone import evaluating, run_with_hooks

Pair = tuple[nn.Conv2d, _BatchNorm]


def pairs(network: nn.Module, run: Callable[[], Any]) -> list[Pair]:
    """List the frozen convolutions whose output enters a frozen batch norm, as one forward shows.

    `run` does a forward of the network.
    """
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}
    pairs: list[Pair] = []

    def note(module: nn.Module, args: tuple, output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module, output  # kept alive, so that the id stays its own
        elif args and id(args[0]) in made:
            pairs.append((made[id(args[0])][0], module))

    layers = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d | _BatchNorm) and _frozen(module)
    ]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with evaluating(network), torch.no_grad():
        run_with_hooks(run, hooks)
    return pairs


@contextmanager
def fold(several: Sequence[Pair]) -> Iterator[None]:
    """While this lasts the convolutions do what their batch norms did, in evaluation mode."""
    before = [(conv, conv.weight, conv.bias) for conv, _ in several]
    for conv, norm in several:
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight,
            conv.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
    try:
        with _Skipped({id(norm.running_mean) for _, norm in several}):
            yield
    finally:
        for conv, weight, bias in before:
            conv.weight, conv.bias = weight, bias


class _Skipped(TorchFunctionMode):
    """Batch norms with these running means return their input.

    What else their modules do (activations) is done.
    """

    def __init__(self, means: set[int]):
        super().__init__()
        self.means = means

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is nn.functional.batch_norm and id(args[1]) in self.means:
            return args[0]
        return func(*args, **kwargs or {})


def _frozen(module: nn.Module) -> bool:
    return not module.training and not any(p.requires_grad for p in module.parameters())
