"""The records that travel between layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # torch costs seconds to import, and the data layer needs none of it
    import torch
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
    """Encoded samples: the network's inputs (each (B, ...)), the targets, and which rows of the split they are.

    `extras` (each (B, ...)) are what the task needs beside them to read the outputs.
    """

    inputs: dict[str, Tensor]
    target: Tensor | None = None
    rows: list[int] = field(default_factory=list)
    domain: Tensor | None = None
    extras: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def mask(self) -> Tensor | None:
        """(B, T) where there are tokens and no padding, the network being told so or not; None of what has no lengths."""
        return self.extras.get("mask", self.inputs.get("attention_mask"))

    def to(self, device: torch.device) -> Batch:
        """Return the batch on the device."""
        # CUDA copies pageable memory before it returns; others may read it after it is freed
        # (pytorch #189690).
        at_once = device.type == "cuda"

        def move(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device, non_blocking=at_once)

        inputs, extras = (
            {name: move(tensor) for name, tensor in found.items()}
            for found in (self.inputs, self.extras)
        )
        return replace(
            self, inputs=inputs, target=move(self.target), domain=move(self.domain), extras=extras
        )

    def split(self, parts: int) -> list[Batch]:
        """Up to `parts` smaller batches that together hold these rows."""
        size = -(-len(self) // parts)
        cuts = [slice(start, start + size) for start in range(0, len(self), size)]

        def cut(tensor: Tensor | None, where: slice) -> Tensor | None:
            return None if tensor is None else tensor[where]

        def piece(c: slice) -> Batch:
            inputs, extras = (
                {name: tensor[c] for name, tensor in found.items()}
                for found in (self.inputs, self.extras)
            )
            return Batch(inputs, cut(self.target, c), self.rows[c], cut(self.domain, c), extras)

        return [piece(c) for c in cuts]


@dataclass(slots=True)
class Output:
    """What a model says of a batch: logits (B, [T,] classes) and features, the input of the head (B, [T,] D)."""

    logits: Tensor
    features: Tensor
