"""The records that travel between layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch costs seconds to import, and the data layer needs none of it
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sample:
    """One example of the user's: where it came from, and its values by role.

    `id` names it in messages and predictions: `train/ants/1.jpg`, `train.csv:17`. Values: `image` is a path, encoded
    bytes or an array (H, W[, C]); `text` a str; `label` a str, a tuple of str (multi-label) or None (unlabeled).
    """

    id: str
    roles: dict[str, Any]


@dataclass(slots=True)
class Batch:
    """Encoded samples: the network's inputs (each (B, ...)), the targets, and which rows of the split they are."""

    inputs: dict[str, Tensor]
    target: Tensor | None = None
    rows: list[int] = field(default_factory=list)
    domain: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def to(self, device: Any) -> Batch:
        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=True)

        inputs = {name: tensor.to(device, non_blocking=True) for name, tensor in self.inputs.items()}
        return replace(self, inputs=inputs, target=move(self.target), domain=move(self.domain))

    def split(self, parts: int) -> list[Batch]:
        """Up to `parts` smaller batches that together hold these rows."""
        size = -(-len(self) // parts)
        cuts = [slice(start, start + size) for start in range(0, len(self), size)]

        def cut(tensor: Tensor | None, where: slice) -> Tensor | None:
            return None if tensor is None else tensor[where]

        return [
            Batch({n: t[c] for n, t in self.inputs.items()}, cut(self.target, c), self.rows[c], cut(self.domain, c)) for c in cuts
        ]


@dataclass(slots=True)
class Output:
    """What a model says of a batch: logits (B, classes) and features, the input of the head (B, D)."""

    logits: Tensor
    features: Tensor
