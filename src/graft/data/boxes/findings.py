"""What a person should know of boxes: how large they are, and which are drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from graft.base.counts import plural
from graft.base.errors import listed
from graft.base.records import LabeledBox, Sample
from graft.data.checks.finding import Finding
from graft.data.data import Data

SAME_PLACE = 0.9
"""The IoU from which two boxes are drawn around one object."""
NOTHING_TO_LEARN = (
    "No picture of the training split has a box that is no crowd, so there is nothing to learn. "
    "Add pictures with objects."
)
SMALL, LARGE = 32**2, 96**2
"""Areas in pixels below which COCO calls an object small, and above which it calls it large."""


def labels_of(sample: Sample) -> tuple[str, ...]:
    """The class of each object in a picture, none where nobody has looked."""
    return tuple(box.label for box in sample.roles.get("boxes") or ())


def box_findings(data: Data) -> list[Finding]:
    """Pictures without objects, the sizes of boxes, and pairs of boxes around one object.

    An error if the training split has nothing to learn.
    """
    samples = [sample for part in data.splits.values() for sample in part]
    findings = [*_without_objects(data), *_box_sizes(samples), *_same_places(samples)]
    training = data.splits.get("train", [])
    if training and not has_objects(training):
        findings.insert(0, Finding("not-learnable", "error", NOTHING_TO_LEARN))
    return findings


def has_objects(samples: Sequence[Sample]) -> bool:
    """Whether a picture has a box to learn from; one around a crowd is none."""
    return any(not box.is_crowd for sample in samples for box in sample.roles.get("boxes") or ())


def _without_objects(data: Data) -> list[Finding]:
    """How many pictures have no object."""
    known = {
        split: [s for s in part if s.roles.get("boxes") is not None]
        for split, part in data.splits.items()
    }
    empty = {split: [s for s in part if not s.roles["boxes"]] for split, part in known.items()}
    ids = tuple(sample.id for part in empty.values() for sample in part)
    shown = ", ".join(
        f"{split} {len(part):,} of {len(known[split]):,}" for split, part in empty.items() if part
    )
    return (
        [Finding("no-objects", "info", f"Pictures without an object: {shown}.", ids)] if ids else []
    )


def _box_sizes(samples: Sequence[Sample]) -> list[Finding]:
    """How large boxes are, by the bounds that COCO's metrics use."""
    boxes = [box for sample in samples for box in sample.roles.get("boxes") or ()]
    if not boxes:
        return []
    sides = [(b.box[2] - b.box[0], b.box[3] - b.box[1]) for b in boxes]
    areas = [
        b.area if b.area is not None else w * h for b, (w, h) in zip(boxes, sides, strict=True)
    ]
    short = sorted(map(min, sides))
    small, large = sum(area < SMALL for area in areas), sum(area > LARGE for area in areas)
    crowds = sum(box.is_crowd for box in boxes)
    words = (
        f"Boxes: short side {short[0]:g} to {short[-1]:g} px, median {median(short):g}; "
        f"{small / len(boxes):.0%} are small (below 32 x 32 px), {large / len(boxes):.0%} large "
        f"(above 96 x 96 px){f'; {crowds:,} mark crowds' if crowds else ''}."
    )
    return [Finding("box-sizes", "info", words)]


def _same_places(samples: Sequence[Sample]) -> list[Finding]:
    """Pairs of boxes that are drawn around one object."""
    pairs, ids = [], []
    for sample in samples:
        boxes = [box for box in sample.roles.get("boxes") or () if not box.is_crowd]
        for a, b in _find_pairs(boxes):
            pairs.append(f"{sample.id} ({a.label} / {b.label})")
            ids.append(sample.id)
    if not pairs:
        return []
    words = (
        f"{plural(len(pairs), 'pair')} of boxes in nearly one place (IoU {SAME_PLACE:.0%} or "
        f"more): {listed(pairs, 5)}. If both are of one object, remove one of them."
    )
    return [Finding("same-place", "warning", words, tuple(dict.fromkeys(ids)))]


def _find_pairs(boxes: Sequence[LabeledBox]) -> list[tuple[LabeledBox, LabeledBox]]:
    """The pairs whose IoU is at least `SAME_PLACE`."""
    if len(boxes) < 2:
        return []
    edges = np.array([box.box for box in boxes])
    low = np.maximum(edges[:, None, :2], edges[None, :, :2])
    high = np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    shared = np.prod((high - low).clip(0), axis=-1)
    area = np.prod(edges[:, 2:] - edges[:, :2], axis=-1)
    ious = shared / (area[:, None] + area[None] - shared)
    return [(boxes[a], boxes[b]) for a, b in np.argwhere(np.triu(ious >= SAME_PLACE, 1))]
