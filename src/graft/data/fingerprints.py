"""Pictures that look the same although their bytes differ: saved again, or at another size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from graft.data.images import encoded, image_size, open_image

SIDE = 16
CONTRAST = 8.0
"""The standard deviation, in grey levels, below which a picture is too plain to be told from others."""
BITS = 6
"""The most bits of 64 in which the hashes of like pictures differ."""
LEVELS = 3.0
"""The most grey levels in which two like pictures differ on average at 16 x 16 pixels."""
_CELLS = 20_000_000
"""Pairs compared at once; 160 MB."""


@dataclass(frozen=True)
class Fingerprint:
    """The 64-bit difference hash of a picture and the picture at 16 x 16 pixels in grey; None where it is too plain."""

    hash: np.uint64
    grey: np.ndarray


def fingerprint(image: Any, name: str) -> tuple[tuple[int, int], Fingerprint | None]:
    """Width and height in pixels and the fingerprint; decodes the whole picture. Raises DataError."""
    if not isinstance(image, np.ndarray | bytes | Image.Image):
        image = encoded(image, name)
    size = image_size(image, name)
    small = open_image(image, name, at_least=4 * SIDE).convert("L")
    grey = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)
    if grey.std() < CONTRAST:
        return size, None
    rows = np.asarray(small.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(rows[:, 1:] > rows[:, :-1])
    return size, Fingerprint(bits.view(np.uint64)[0], grey)


def near_pairs(ones: list[Fingerprint], others: list[Fingerprint]) -> list[tuple[int, int]]:
    """For each of `others` that looks like one of `ones`, the indices of the two."""
    if not ones or not others:
        return []
    left, right = (np.array([p.hash for p in prints]) for prints in (ones, others))
    found: dict[int, int] = {}
    step = max(1, _CELLS // len(left))
    for start in range(0, len(right), step):
        apart = np.bitwise_count(right[start : start + step, None] ^ left[None])
        for b, a in np.argwhere(apart <= BITS):
            difference = np.abs(ones[a].grey.astype(np.int16) - others[start + b].grey).mean()
            if difference <= LEVELS:
                found.setdefault(int(start + b), int(a))
    return [(a, b) for b, a in found.items()]
