"""Samples that are nearly the same: pictures saved again or at another size, texts with the same passages."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from graft.data.images.open import encoded, image_size, open_image

SIDE = 16
CONTRAST = 8.0
"""The standard deviation, in grey levels, below which a picture is too plain to be told from others."""
BITS = 8
"""The most bits of 64 in which the hashes of like pictures differ."""
APART = 0.12
"""The most that like pictures differ on average at 16 x 16 pixels, in standard deviations of the picture.

Photographs saved again as JPEG at quality 50, or halved, stay within both bounds nearly always; different ones never did.
"""
SMALLEST = 32
"""The short side, in pixels, below which different pictures look alike too often: two written ones are as near as copies."""
SHARED = 0.7
"""The share of a text's runs of `RUN` words that it has in common with a text that is nearly the same."""
RUN = 5
_FEWEST_RUNS = 6
_CELLS = 20_000_000
"""Pairs compared at once; 160 MB."""


@dataclass(frozen=True)
class Fingerprint:
    """The 64-bit difference hash of a picture and the picture at 16 x 16 pixels in grey; none of pictures too plain or small."""

    hash: np.uint64
    grey: np.ndarray


def fingerprint(image: Any, name: str) -> tuple[tuple[int, int], Fingerprint | None]:
    """Width and height in pixels and the fingerprint; decodes the whole picture. Raises DataError."""
    if not isinstance(image, np.ndarray | bytes | Image.Image):
        image = encoded(image, name)
    small = open_image(image, name, at_least=4 * SIDE).convert("L")
    size = image_size(image, name)
    grey = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)
    if grey.std() < CONTRAST or min(size) < SMALLEST:
        return size, None
    rows = np.asarray(small.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(rows[:, 1:] > rows[:, :-1])
    return size, Fingerprint(bits.view(np.uint64)[0], grey)


def near_images(ones: list[Fingerprint], others: list[Fingerprint]) -> list[tuple[int, int]]:
    """For each of `others` that looks like one of `ones`, the indices of the two."""
    if not ones or not others:
        return []
    left, right = (np.array([p.hash for p in prints]) for prints in (ones, others))
    found: dict[int, int] = {}
    step = max(1, _CELLS // len(left))
    for start in range(0, len(right), step):
        apart = np.bitwise_count(right[start : start + step, None] ^ left[None])
        for b, a in np.argwhere(apart <= BITS):
            one, other = ones[a].grey.astype(np.float32), others[start + b].grey
            if np.abs(one - other).mean() <= APART * one.std():
                found.setdefault(int(start + b), int(a))
    return [(a, b) for b, a in found.items()]


def near_texts(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    """For each of `others` that shares most of its runs of words with one of `ones`, or the other way, the indices of the two."""
    runs = [_runs(text) for text in others]
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for b, own in enumerate(runs):
        for run in own:
            where[run].append(b)
    found: dict[int, int] = {}
    for a, text in enumerate(ones):
        own = _runs(text)
        shared = Counter(b for run in own if run in where for b in where[run])
        for b, count in shared.items():
            if min(len(own), len(runs[b])) >= _FEWEST_RUNS and count >= SHARED * max(
                len(own), len(runs[b])
            ):
                found.setdefault(b, a)
    return [(a, b) for b, a in sorted(found.items())]


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}
