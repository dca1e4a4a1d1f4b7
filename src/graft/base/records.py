"""The records that travel between layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graft.base import trees
from graft.base.errors import DataError

if TYPE_CHECKING:  # torch costs seconds to import, and the data layer needs none of it
    import torch
    from torch import Tensor

    from graft.base.trees import Tree

RECORDED = "recorded"
"""The name in a batch's `extras` of the tensors (B, ...) that were recorded at a cut."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One example of the user's: where it came from, and its values by role.

    `id` names it in messages and predictions: `train/ants/1.jpg`, `train.csv:17`. Values: `image`
    is a path, encoded bytes or an array (H, W[, C]); `audio` a path, encoded bytes or a
    SoundPart; `text` and `transcript` a str; `value` a float; `label` a str, a tuple of str
    (multi-label) or None (unlabeled); `boxes` a tuple of LabeledBox, empty for a picture without
    objects; `mask` a Mask, whose pixels are read when they are needed.
    """

    id: str
    roles: dict[str, Any]
    companions: tuple[Sample, ...] = ()
    """Other samples of its split that an augmented view of it may show: see `Task.companions`."""


@dataclass(frozen=True, slots=True)
class RunLengths:
    """The pixels of an object as COCO's RLE has them: runs of pixels outside and inside, in turn.

    The pixels are counted column by column; the first run lies outside and may be empty.
    """

    height: int
    width: int
    counts: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class LabeledBox:
    """One object in a picture: its class, where it is, and its outline if that is known."""

    label: str
    box: tuple[float, float, float, float]
    """Left, top, right and bottom in pixels of the upright picture. Edges of pixels are whole
    numbers: the first pixel reaches from 0 to 1, and a box around it is (0, 0, 1, 1)."""
    is_crowd: bool = False
    """Whether it marks a group of objects: detections in it are neither right nor wrong."""
    area: float | None = None
    """The area in pixels for metrics by size; None is the area of the box."""
    outline: tuple[tuple[float, ...], ...] | RunLengths = ()
    """Polygons, each (x, y, x, y, ...), or the pixels; () if only the box is known."""


@dataclass(slots=True)
class Batch:
    """Encoded samples: the network's inputs, the targets, and which rows of the split they are.

    Inputs, target and extras are trees of tensors, each leaf (B, ...). `extras` are what the task
    needs beside the inputs to read the outputs. `mask` (B, T) is 1 where an example has features
    and 0 where there is padding, at the resolution of the features; None if all have one shape.
    """

    inputs: dict[str, Tree]
    target: Tree = None
    rows: list[int] = field(default_factory=list)
    extras: dict[str, Tree] = field(default_factory=dict)
    mask: Tensor | None = None

    def __len__(self) -> int:
        return trees.count_rows(self.inputs)

    def map(self, apply: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function applied to each of its tensors."""
        inputs, target, extras, mask = trees.map_leaves(
            apply, (self.inputs, self.target, self.extras, self.mask)
        )
        return replace(self, inputs=inputs, target=target, extras=extras, mask=mask)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on the device."""
        # CUDA copies pageable memory before it returns; others may read it after it is freed
        # (pytorch #189690).
        at_once = device.type == "cuda"
        return self.map(lambda tensor: tensor.to(device, non_blocking=at_once))

    def take(self, part: slice) -> Batch:
        """Return some examples of the batch."""
        return replace(self.map(lambda tensor: tensor[part]), rows=self.rows[part])

    def split(self, parts: int) -> list[Batch]:
        """Split into up to `parts` smaller batches that together hold these rows."""
        size = -(-len(self) // parts)
        return [self.take(slice(start, start + size)) for start in range(0, len(self), size)]


@dataclass(slots=True)
class Output:
    """What a model makes of a batch: trees of tensors, each leaf (B, ...).

    `raw` is what the network returns, `features` is what enters its head, and `losses` are set if
    the network computes them itself from the targets of the batch.
    """

    raw: Tree
    features: Tree
    losses: dict[str, Tensor] | None = None

    @property
    def logits(self) -> Tensor:
        """The logits (B, [T,] classes), alone or beside other outputs of the network."""
        return self.raw["logits"] if isinstance(self.raw, Mapping) else self.raw


Batches = Mapping[str, Batch]
"""The batches of one step, by the names of the streams that they are drawn from."""
Outputs = Mapping[str, Output]
"""The outputs of a model for each of them."""


@dataclass(frozen=True)
class Windows:
    """The samples of a split and the pieces in which a network reads them.

    `cut` are the pieces in order, `owners` the number of the sample that each is a part of. Without
    them each sample is one piece.
    """

    samples: Sequence[Sample]
    cut: Sequence[Sample] | None = None
    owners: Sequence[int] | None = None

    @classmethod
    def of(cls, samples: Sequence[Sample], pieces: Callable[[Sample], Sequence[Sample]]) -> Windows:
        """Cut each sample into its `pieces`, at least one."""
        parts = [pieces(sample) for sample in samples]
        owners = [number for number, part in enumerate(parts) for _ in part]
        return cls(samples, [piece for part in parts for piece in part], owners)

    @property
    def pieces(self) -> Sequence[Sample]:
        """The pieces, which are the samples themselves if none is cut."""
        return self.samples if self.cut is None else self.cut

    def by_sample(self, rows: Sequence[Any]) -> Iterator[list[tuple[Sample, Any]]]:
        """Yield for each sample its pieces with their `rows`, of which there is one per piece."""
        owners = range(len(self.pieces)) if self.owners is None else self.owners
        of_sample: list[tuple[Sample, Any]] = []
        for number, (piece, owner, row) in enumerate(zip(self.pieces, owners, rows, strict=True)):
            of_sample.append((piece, row))
            if number + 1 == len(self.pieces) or owners[number + 1] != owner:
                yield of_sample
                of_sample = []


def targets_of(encoded: Sequence[Mapping[str, Tree]]) -> list[Tree]:
    """The targets of encoded pieces, none if they have none.

    Raises DataError if only some have one.
    """
    targets = [piece["target"] for piece in encoded if "target" in piece]
    if targets and len(targets) < len(encoded):
        raise DataError(
            f"{len(encoded) - len(targets):,} of {len(encoded):,} samples of a batch have no "
            "target, and the others have one. Give one to all samples of a split, or to none."
        )
    return targets
