"""The modules of a network that compute attention, found by one forward."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from graft.backbones.backbone import Backbone, run_with_hooks
from graft.techniques.adapters.blocks import run_example


def find_attention(backbone: Backbone) -> dict[str, dict[str, int]]:
    """Return the shape of keys and values in each module that computes attention, by its path.

    These are the innermost modules that call `scaled_dot_product_attention`, once each; those of
    the head are left out. `heads` are those of the keys, which several heads of queries may share.
    """
    network = backbone.network
    running: list[str] = []
    hooks = []
    for path, module in network.named_modules():
        hooks += [
            module.register_forward_pre_hook(lambda *_, path=path: running.append(path)),
            module.register_forward_hook(lambda *_: _leave(running)),
        ]
    with _Watch(network, running) as watch:
        run_with_hooks(lambda: run_example(backbone), hooks)
    heads = tuple(f"{path}." for path in backbone.head)
    return {
        path: shape
        for path, shape in watch.shapes.items()
        if path and watch.calls[path] == 1 and not f"{path}.".startswith(heads)
    }


def _leave(running: list[str]) -> None:
    running.pop()


class _Watch(TorchFunctionMode):
    """Notes which module calls for attention, and the shapes of its keys and values."""

    def __init__(self, network: nn.Module, running: list[str]):
        super().__init__()
        self.network, self.running = network, running
        self.shapes: dict[str, dict[str, int]] = {}
        self.calls: Counter[str] = Counter()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is scaled_dot_product_attention:
            self._note(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _note(self, query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> None:
        path = self.running[-1]
        # transformers may have repeated keys for the heads that share them.
        shared = getattr(self.network.get_submodule(path), "num_key_value_groups", 1)
        is_repeated = query.shape[1] == key.shape[1]
        self.calls[path] += 1
        self.shapes[path] = {
            "heads": key.shape[1] // shared if is_repeated else key.shape[1],
            "width": key.shape[-1],
            "value_width": value.shape[-1],
        }
