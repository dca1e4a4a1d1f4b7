"""The detections that every detector returns, whatever its library."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graft.base.records import Batch
from graft.base.trees import Tree

DETECTIONS = 100
"""The most objects that are found in a picture, as COCO counts them."""
LEAST_SCORE = 0.01
"""Detections below are dropped: next to none of them is right."""


def wants_detections(batch: Batch) -> bool:
    """Whether more than losses is wanted: a training step has no use for detections."""
    return batch.target is None or not torch.is_grad_enabled()


def pad_detections(detections: Sequence[dict[str, Tensor]], first: int, dense: Tree = None) -> Tree:
    """Detections as trees (B, DETECTIONS, ...): labels from 0 on, -1 for padding.

    `dense` are the outputs before any selection, which `DetectorHead.compared` reads.
    """

    def fill(name: str, value: float) -> Tensor:
        rows = [each[name][:DETECTIONS] for each in detections]
        behind = (0, 0) * (rows[0].dim() - 1)
        pads = [(*behind, 0, DETECTIONS - len(row)) for row in rows]
        return torch.stack(
            [nn.functional.pad(row, pad, value=value) for row, pad in zip(rows, pads, strict=True)]
        )

    labels = fill("labels", first - 1) - first
    tensors = {"boxes": fill("boxes", 0.0), "scores": fill("scores", 0.0), "labels": labels}
    return tensors if dense is None else {**tensors, "dense": dense}
