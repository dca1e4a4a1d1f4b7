"""Predicted classes of pixels: what is kept of a piece, and how pieces become a picture again.

Logits of a split would not fit into memory. Kept are the class of each pixel and its confidence
in 16 steps, compressed; of a whole picture, its map as a PNG.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from graft.backbones.preprocess.geometry import letterbox
from graft.base.colors import class_color

STEPS = 15
"""The steps above 0 in which a confidence is kept: half a byte before compression."""
URI = "data:image/png;base64,"

Window = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, in pixels."""


@dataclass(frozen=True)
class PieceMap:
    """The predicted classes of the pixels of an input with their confidence, compressed."""

    shape: tuple[int, int]
    labels: bytes
    confidence: bytes
    """From 0 to `STEPS`."""

    def unpack(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The class and the confidence, from 0 to `STEPS`, of each pixel (H, W)."""
        labels, confidence = (
            np.frombuffer(zlib.decompress(part), np.uint8).reshape(self.shape)
            for part in (self.labels, self.confidence)
        )
        return labels, confidence


def keep_maps(logits: Tensor) -> list[PieceMap]:
    """Keep the most likely class of each pixel, of logits (B, C, H, W)."""
    highest, labels = torch.softmax(logits.float(), 1).max(1)
    pairs = zip(
        labels.to(torch.uint8).cpu().numpy(),
        (highest * STEPS).round().to(torch.uint8).cpu().numpy(),
        strict=True,
    )
    return [
        PieceMap(each.shape, zlib.compress(each, 1), zlib.compress(confidence, 1))
        for each, confidence in pairs
    ]


def join_maps(
    size: tuple[int, int], pieces: Iterable[tuple[Window, PieceMap]]
) -> tuple[NDArray[np.uint8], float]:
    """The class of each pixel (H, W) of a picture of this size, and their mean confidence.

    Where windows overlap, a pixel has the class of the highest confidence; that of a window counts
    less near its edge, since it sees less around there.
    """
    width, height = size
    labels, best = np.zeros((height, width), np.uint8), np.full((height, width), -1, np.float32)
    confidence = np.zeros((height, width), np.float32)
    for window, piece in pieces:
        left, top, right, bottom = window
        part = np.s_[top:bottom, left:right]
        predicted, certain = _to_pixels(piece, (right - left, bottom - top))
        votes = certain * _weights(window, size)
        wins = votes > best[part]
        for kept, new in ((labels, predicted), (best, votes), (confidence, certain)):
            kept[part][wins] = new[wins]
    return labels, float(confidence.mean())


def _to_pixels(
    piece: PieceMap, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The class and the confidence, from 0 to 1, of each pixel of the file that the network saw.

    Classes are resized one by one, so that no more than two maps of numbers are in memory, and
    borders are smooth.
    """
    labels, confidence = piece.unpack()
    height, width = piece.shape
    box = letterbox(size, (width, height)).boxes(np.array([[0, 0, *size]]))[0]
    left, top, right, bottom = (round(float(edge)) for edge in box)
    labels, confidence = (each[top:bottom, left:right] for each in (labels, confidence))
    if labels.shape == (size[1], size[0]):
        return labels, confidence.astype(np.float32) / STEPS
    joined = np.zeros((size[1], size[0]), np.uint8)
    best = np.full((size[1], size[0]), -1, np.float32)
    for number in np.unique(labels):
        # From 1 on, so that a class of no confidence at all differs from other classes.
        votes = np.where(labels == number, confidence + 1, 0).astype(np.float32)
        resized = np.asarray(Image.fromarray(votes).resize(size, Image.Resampling.BILINEAR))
        wins = resized > best
        joined[wins], best[wins] = number, resized[wins]
    return joined, ((best - 1) / STEPS).clip(0, 1)


def _weights(window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
    """How much a window counts (h, w): less near those of its edges that are not the picture's."""
    left, top, right, bottom = window
    return _ramp(top, bottom, size[1])[:, None] * _ramp(left, right, size[0])[None]


def _ramp(first: int, end: int, whole: int) -> NDArray[np.float32]:
    """From nearly 0 at the edge of a window to 1 in an eighth of its side."""
    places = np.arange(end - first, dtype=np.float32) + 0.5
    reach = max((end - first) / 8, 1.0)
    before = np.ones_like(places) if first == 0 else places / reach
    after = np.ones_like(places) if end == whole else (end - first - places) / reach
    return np.minimum(np.minimum(before, after), 1.0)


def tile(size: tuple[int, int], window: tuple[int, int], overlap: float) -> list[Window]:
    """The windows of at most this size that cover a picture, evenly spread.

    Neighbors share at least this part of their side.
    """
    columns, rows = (
        _starts(whole, min(side, whole), overlap) for whole, side in zip(size, window, strict=True)
    )
    width, height = (min(side, whole) for side, whole in zip(window, size, strict=True))
    return [(x, y, x + width, y + height) for y in rows for x in columns]


def _starts(whole: int, side: int, overlap: float) -> list[int]:
    """Where windows begin along one side of a picture."""
    count = 1 + max(0, int(np.ceil((whole - side) / (side * (1 - overlap)))))
    return [int(start) for start in np.linspace(0, whole - side, count).round()]


def to_png(labels: NDArray[np.uint8]) -> bytes:
    """A map of classes (H, W) as a PNG of indices, with the colors of classes as its palette."""
    image = Image.fromarray(labels)
    image.putpalette([part for number in range(256) for part in class_color(number)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def to_uri(png: bytes) -> str:
    """The PNG as a data URI, which JSON can hold."""
    return URI + base64.b64encode(png).decode()


def from_png(png: bytes) -> NDArray[np.uint8]:
    """The map of classes (H, W) in a PNG of `to_png`."""
    return np.asarray(Image.open(io.BytesIO(png)))


def from_uri(uri: str) -> NDArray[np.uint8]:
    """The map of classes (H, W) in a data URI of `to_uri`."""
    return from_png(base64.b64decode(uri.removeprefix(URI)))


def shares(labels: NDArray[np.uint8], classes: Sequence[str]) -> dict[str, float]:
    """The share of the pixels of each class that occurs, the largest first."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))[: len(classes)]
    order = np.argsort(-counts, kind="stable")
    total = max(int(counts.sum()), 1)
    return {classes[i]: round(float(counts[i]) / total, 4) for i in order if counts[i]}
