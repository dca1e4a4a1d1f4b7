"""Samples that are nearly the same: pictures saved again or resized, texts that overlap."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from graft.data.images.open import image_size, open_image, read_bytes

SIDE = 16
CONTRAST = 8.0
"""The standard deviation, in gray levels, below which a picture is too uniform to compare."""
BITS = 8
"""The maximum of bits, of 64, in which the hashes of similar pictures differ."""
APART = 0.12
"""The maximum mean difference of similar pictures at 16 x 16 px, in standard deviations.

Photographs saved again as JPEG at quality 50, or halved, stay within both bounds nearly always;
different ones never did.
"""
SMALLEST = 32
"""The short side, in pixels, below which different pictures look the same too often.

Two handwritten digits are as near as copies."""
SHARED = 0.7
"""The share of its runs of `RUN` words that a text has in common with a near copy."""
RUN = 5
_FEWEST_RUNS = 6
_CELLS = 20_000_000
"""Pairs compared at once; 160 MB."""


@dataclass(frozen=True)
class Fingerprint:
    """The 64-bit difference hash of a picture, and the picture at 16 x 16 pixels in gray."""

    hash: np.uint64
    gray: np.ndarray


def fingerprint(image: Any, name: str) -> tuple[tuple[int, int], Fingerprint | None]:
    """Width and height in pixels, and the fingerprint unless the picture is too plain or small.

    Decodes the whole picture. Raises DataError.
    """
    if not isinstance(image, np.ndarray | bytes | Image.Image):
        image = read_bytes(image, name)
    small = open_image(image, name, at_least=4 * SIDE).convert("L")
    size = image_size(image, name)
    gray = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.uint8)
    if gray.std() < CONTRAST or min(size) < SMALLEST:
        return size, None
    rows = np.asarray(small.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    bits = np.packbits(rows[:, 1:] > rows[:, :-1])
    return size, Fingerprint(bits.view(np.uint64)[0], gray)


def find_near_images(ones: list[Fingerprint], others: list[Fingerprint]) -> list[tuple[int, int]]:
    """Return the indices of pairs of `ones` and `others` that look alike, one pair per other."""
    if not ones or not others:
        return []
    one_hashes, other_hashes = (np.array([p.hash for p in prints]) for prints in (ones, others))
    partners: dict[int, int] = {}
    step = max(1, _CELLS // len(one_hashes))
    for start in range(0, len(other_hashes), step):
        distances = np.bitwise_count(other_hashes[start : start + step, None] ^ one_hashes[None])
        for b, a in np.argwhere(distances <= BITS):
            one, other = ones[a].gray.astype(np.float32), others[start + b].gray
            if np.abs(one - other).mean() <= APART * one.std():
                partners.setdefault(int(start + b), int(a))
    return [(a, b) for b, a in partners.items()]


def find_near_texts(ones: list[str], others: list[str]) -> list[tuple[int, int]]:
    """Return the indices of pairs of `ones` and `others` that share most runs of words.

    The share is of the longer of the two.
    """
    runs = [_runs(text) for text in others]
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for b, other_runs in enumerate(runs):
        for run in other_runs:
            where[run].append(b)
    partners: dict[int, int] = {}
    for a, text in enumerate(ones):
        text_runs = _runs(text)
        shared = Counter(b for run in text_runs if run in where for b in where[run])
        for b, count in shared.items():
            shorter, longer = sorted((len(text_runs), len(runs[b])))
            if shorter >= _FEWEST_RUNS and count >= SHARED * longer:
                partners.setdefault(b, a)
    return [(a, b) for b, a in sorted(partners.items())]


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}
