"""Trees of tensors: a tensor, None, or a dict or tuple of trees. Each leaf is (B, ...).

Inputs, targets and outputs of networks have this form, so that nothing that moves, cuts, joins or
compares them needs to know what a network reads or returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:  # torch costs seconds to import, and the data layer needs none of it
    from torch import Tensor

Tree = Union["Tensor", Mapping[str, "Tree"], tuple["Tree", ...], None]


def map_leaves(apply: Callable[[Tensor], Tensor], tree: Tree) -> Tree:
    """Apply a function to each leaf."""
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {name: map_leaves(apply, branch) for name, branch in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map_leaves(apply, branch) for branch in tree)
    return apply(tree)


def leaves(tree: Tree) -> list[Tensor]:
    """List the leaves in order, from the first branch to the last."""
    return list(named_leaves(tree).values())


def named_leaves(tree: Tree, name: str = "") -> dict[str, Tensor]:
    """Map the path of each leaf, such as `boxes.0`, to the leaf; `name` is the path of the tree."""
    if tree is None:
        return {}
    if isinstance(tree, Mapping):
        branches = [(str(key), branch) for key, branch in tree.items()]
    elif isinstance(tree, tuple):
        branches = [(str(number), branch) for number, branch in enumerate(tree)]
    else:
        return {name: tree}
    named: dict[str, Tensor] = {}
    for key, branch in branches:
        named |= named_leaves(branch, f"{name}.{key}" if name else key)
    return named


def nest(named: Mapping[str, Tensor]) -> Tree:
    """Rebuild the tree of dicts and tuples from its `named_leaves`.

    The leaves may come in any order: files sort them by type and name, so that `10` precedes `2`.
    """
    if set(named) == {""}:
        return named[""]
    branches: dict[str, dict[str, Tensor]] = {}
    for path, leaf in named.items():
        key, _, rest = path.partition(".")
        branches.setdefault(key, {})[rest] = leaf
    tree = {key: part[""] if "" in part else nest(part) for key, part in branches.items()}
    if tree and all(key.isdigit() for key in tree):
        return tuple(tree[key] for key in sorted(tree, key=int))
    return tree


def count_rows(tree: Tree) -> int:
    """Count the examples, the first dimension of each leaf; 0 for a tree without leaves."""
    return next((len(leaf) for leaf in leaves(tree)), 0)


def take(tree: Tree, rows: slice | Tensor) -> Tree:
    """Select some rows of each leaf."""
    return map_leaves(lambda leaf: leaf[rows], tree)


def stack(examples: Sequence[Tree]) -> Tree:
    """Stack trees of the same form: one tree, each leaf (B, ...)."""
    import torch

    return _combine(torch.stack, examples)


def join(parts: Sequence[Tree]) -> Tree:
    """Concatenate trees of the same form along the first dimension of each leaf."""
    import torch

    return _combine(torch.cat, parts)


def _combine(combine: Callable[[list[Tensor]], Tensor], several: Sequence[Tree]) -> Tree:
    first = several[0]
    if first is None:
        return None
    if isinstance(first, Mapping):
        return {name: _combine(combine, [tree[name] for tree in several]) for name in first}
    if isinstance(first, tuple):
        return tuple(_combine(combine, branches) for branches in zip(*several, strict=True))
    return combine(list(several))


def are_close(one: Tree, other: Tree, tolerance: float) -> bool:
    """Whether two trees have the same form and nearly the same numbers; NaN equals nothing.

    `tolerance` is absolute and relative, and compared in float32. Whole numbers must be equal.
    """
    import torch

    ours, theirs = named_leaves(one), named_leaves(other)
    if ours.keys() != theirs.keys():
        return False
    for name, leaf in ours.items():
        if leaf.shape != theirs[name].shape:
            return False
        if not leaf.is_floating_point():
            if not torch.equal(leaf, theirs[name]):
                return False
        elif not torch.allclose(leaf.float(), theirs[name].float(), atol=tolerance, rtol=tolerance):
            return False
    return True
