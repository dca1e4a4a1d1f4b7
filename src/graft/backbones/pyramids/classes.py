"""Other classes for a finished network: rows of those that it knows by name are copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from graft.backbones.backbone import Backbone
from graft.base.errors import listed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    RowsOfClasses = Callable[[str, int, int], NDArray | None]


def adapt_classes(
    backbone: Backbone,
    rows_of_classes: RowsOfClasses,
    weights: dict[str, Tensor],
    known: Sequence[str],
    wanted: Sequence[str],
) -> dict[str, Tensor]:
    """Return the weights of a network for the `known` classes as those of one for the `wanted`.

    Rows of classes that are not known stay as the backbone has them. A note of the backbone says
    what became of what. An empty text among the `known` is an output of no class.
    """
    fresh, adapted = backbone.network.state_dict(), {}
    for name, tensor in weights.items():
        before = rows_of_classes(name, len(tensor), len(known)) if tensor.dim() else None
        if before is not None:
            after = rows_of_classes(name, len(fresh[name]), len(wanted))
            pairs = [
                (after[wanted.index(label)], before[known.index(label)])
                for label in wanted
                if label in known
            ]
            pairs.append((_other_rows(fresh[name], after), _other_rows(tensor, before)))
            adapted[name] = _copy_rows(fresh[name], tensor, pairs)
    backbone.notes.append(_note(known, wanted, list(adapted), len(weights) - len(adapted)))
    return weights | adapted


def _copy_rows(fresh: Tensor, tensor: Tensor, pairs: Sequence[tuple[NDArray, NDArray]]) -> Tensor:
    copied = fresh.clone()
    for here, there in pairs:
        copied[here] = tensor[there]
    return copied


def _other_rows(tensor: Tensor, rows: NDArray) -> NDArray:
    """The rows that belong to all classes: those of the background."""
    return np.setdiff1d(np.arange(len(tensor)), rows)


def _note(known: Sequence[str], wanted: Sequence[str], changed: list[str], others: int) -> str:
    parts = {
        "copied by name": [name for name in wanted if name in known],
        "new": [name for name in wanted if name not in known],
        "left out": [name for name in known if name and name not in wanted],
    }
    classes = "; ".join(f"{words}: {listed(names, 9) or 'none'}" for words, names in parts.items())
    return (
        f"The head of the saved network is kept. Classes {classes}. Tensors with new rows: "
        f"{listed(changed, 4)}; the other {others:,} are as they were."
    )
