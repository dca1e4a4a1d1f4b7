"""Cut any network into consecutive layer groups, in the order in which its layers run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graft.backbones.backbone import Call, LayerGroup, call, evaluating, run_with_hooks
from graft.base.records import Batch

DOMINANT = 0.6
"""A group with at least this share of all layers says nothing about depth and is cut into its
children."""
STACK = 0.25
"""So is a group with at least this share that is, or directly holds, a list of equal layers: T5's
encoder and decoder."""

DEEP = 8
"""A head of more layers is a network of its own, and says nothing of the depth of those before."""


@dataclass
class _Piece:
    """A module of the network (later: several in a row) and the step at which it began to run."""

    start: int
    modules: list[str]
    tensors: list[str] = field(default_factory=list)


def find(
    network: nn.Module,
    head: Sequence[str],
    example_inputs: dict[str, Tensor],
    call: Call = call,
) -> list[LayerGroup]:
    """Find the layer groups in forward order; the last one is the head.

    Each parameter and persistent buffer is in exactly one. The order is that of one forward in
    evaluation mode on `example_inputs`. Tied tensors go by their first name to the group that runs
    first. Tensors of no module that ran (class tokens, position embeddings) go to the group before
    the module that owns them, the first group when there is none.
    """
    starts = _run_order(network, lambda: call(network, Batch(example_inputs)))
    body = _cut(network, tuple(head), starts)
    groups = [*_merge(network, body), _Piece(max(starts.values()), list(head))]
    _share_out(network, groups, starts)
    groups = _merge_empty(groups)
    first = groups[0]
    names = [
        "stem"
        if first.modules and len(_filter_with_tensors(network, first.modules)) > 1
        else _name(network, first)
    ]
    names += [_name(network, group) for group in groups[1:-1]] + ["head"]
    return [
        LayerGroup(name, tuple(g.modules), tuple(g.tensors))
        for name, g in zip(names, groups, strict=True)
    ]


def _run_order(network: nn.Module, run: Callable[[], Any]) -> dict[str, int]:
    """Name -> the step at which the module began to run.

    Of a mere list, the first one inside it.
    """
    steps: dict[nn.Module, int] = {}

    def note(module: nn.Module, args: tuple) -> None:
        steps.setdefault(module, len(steps))

    hooks = [module.register_forward_pre_hook(note) for module in network.modules()]
    with evaluating(network), torch.no_grad():
        run_with_hooks(run, hooks)
    starts: dict[str, int] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        for path in _prefixes(name) if module in steps else ():
            starts[path] = min(starts.get(path, steps[module]), steps[module])
    called = {
        name: steps[module]
        for name, module in network.named_modules(remove_duplicate=False)
        if module in steps
    }
    return starts | called


def _cut(network: nn.Module, head: tuple[str, ...], starts: dict[str, int]) -> list[_Piece]:
    """The modules before the head in the order in which they run, cut until none is too large."""

    def parts(path: str) -> list[str]:
        inside = [
            f"{path}.{name}" if path else name
            for name, _ in network.get_submodule(path).named_children()
        ]
        return [p for p in inside if p in starts and p not in head]

    def layers(path: str) -> int:
        return sum(
            any(True for _ in m.parameters(recurse=False))
            for m in network.get_submodule(path).modules()
        )

    def is_stack(path: str) -> bool:
        module = network.get_submodule(path)
        lists = [m for m in (module, *module.children()) if isinstance(m, nn.ModuleList)]
        return any(len(items) > 1 and len({type(item) for item in items}) == 1 for items in lists)

    def too_large(path: str) -> bool:
        share = layers(path) / whole
        return bool(parts(path)) and (share >= DOMINANT or (share >= STACK and is_stack(path)))

    in_head = sum(map(layers, head))
    pieces, whole = parts(""), layers("") - (in_head if in_head > DEEP else 0)
    while True:
        pieces.sort(key=lambda p: starts[p])
        holds_head = [p for p in pieces if any(h.startswith(f"{p}.") for h in head)]
        if not (split := holds_head or [p for p in pieces if too_large(p)]):
            return [_Piece(starts[p], [p]) for p in pieces]
        pieces = [q for p in pieces for q in (parts(p) if p == split[0] else [p])]


def _merge(network: nn.Module, pieces: list[_Piece]) -> list[_Piece]:
    """Normalizations, activations, poolings join the group before them.

    Embeddings side by side become one group.
    """
    groups: list[_Piece] = []
    for piece in pieces:
        module = network.get_submodule(piece.modules[0])
        before = network.get_submodule(groups[-1].modules[-1]) if groups else None
        embeddings = isinstance(module, nn.Embedding) and isinstance(before, nn.Embedding)
        started = any(_filter_with_tensors(network, group.modules) for group in groups)
        if groups and (_is_small(module) or embeddings or not started):
            groups[-1].modules += piece.modules
        else:
            groups.append(piece)
    return groups


def _is_small(module: nn.Module) -> bool:
    """Whether a module has nothing to learn, or only tensors of one dimension in one layer."""
    owners = [m for m in module.modules() if any(True for _ in m.parameters(recurse=False))]
    return not owners or (len(owners) == 1 and all(p.dim() < 2 for p in module.parameters()))


def _share_out(network: nn.Module, groups: list[_Piece], starts: dict[str, int]) -> None:
    persistent = set(network.state_dict())
    tensors = {
        n: t for n, t in (*network.named_parameters(), *network.named_buffers()) if n in persistent
    }
    first_names = {id(tensor): name for name, tensor in tensors.items()}
    for group in groups:
        for module in map(network.get_submodule, group.modules):
            owned = (
                first_names.pop(id(t), None) for t in (*module.parameters(), *module.buffers())
            )
            group.tensors += [name for name in owned if name]
    for name in first_names.values():
        container = next((p for p in _prefixes(name.rpartition(".")[0]) if p in starts), "")
        before = [group for group in groups[:-1] if group.start < starts[container]]
        (before or groups)[-1 if before else 0].tensors.append(name)


def _merge_empty(groups: list[_Piece]) -> list[_Piece]:
    """Merge each group without tensors into the group before it."""
    kept = [groups[0]]
    for group in groups[1:-1]:
        if group.tensors:
            kept.append(group)
        else:
            kept[-1].modules += group.modules
    return [*kept, groups[-1]]


def _filter_with_tensors(network: nn.Module, paths: Iterable[str]) -> list[str]:
    return [p for p in paths if any(True for _ in network.get_submodule(p).parameters())]


def _name(network: nn.Module, group: _Piece) -> str:
    return (_filter_with_tensors(network, group.modules) or group.modules)[0]


def _prefixes(path: str) -> list[str]:
    """The path, then what it is in, outwards, to the root ''."""
    names = path.split(".") if path else []
    return [".".join(names[:end]) for end in range(len(names), -1, -1)]
