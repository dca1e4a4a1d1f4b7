"""What is kept of predicted pixels, and how windows become a picture again."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from graft.backbones.preprocess.geometry import letterbox
from graft.tasks.pictures.label_maps import (
    from_png,
    from_uri,
    join_maps,
    keep_maps,
    shares,
    tile,
    to_png,
    to_uri,
)


def logits_of(labels: np.ndarray, num_classes: int = 3, sure: float = 20.0) -> torch.Tensor:
    """Logits (1, C, H, W) of a network that gives these labels."""
    hot = np.arange(num_classes)[:, None, None] == labels
    return torch.from_numpy(sure * hot.astype(np.float32))[None]


def blocks(width: int, height: int) -> np.ndarray:
    """Labels in blocks of 16 pixels."""
    rows, columns = np.mgrid[:height, :width]
    return ((rows // 16 + columns // 16) % 3).astype(np.uint8)


def test_a_map_of_the_size_of_the_picture_comes_back_as_it_is():
    labels = blocks(64, 32)
    (piece,) = keep_maps(logits_of(labels))
    joined, sure = join_maps((64, 32), [((0, 0, 64, 32), piece)])
    assert np.array_equal(joined, labels)
    assert sure == 1.0


@pytest.mark.parametrize("size", [(96, 50), (200, 120), (40, 90)])
def test_a_letterboxed_map_comes_back_to_the_pixels_of_the_file(size):
    labels = blocks(*size)
    seen = letterbox(size, (64, 64)).mask(Image.fromarray(labels), 0)
    (piece,) = keep_maps(logits_of(seen))
    joined, _ = join_maps(size, [((0, 0, *size), piece)])
    # All that may differ lies within two pixels of the input around the borders of the blocks.
    reach = int(np.ceil(2 * max(size) / 64))
    inner = np.ones(labels.shape, bool)
    for axis in (0, 1):
        edge = np.diff(labels.astype(int), axis=axis) != 0
        for place in np.argwhere(edge):
            part = tuple(slice(max(0, p - reach), p + reach + 2) for p in place)
            inner[part] = False
    assert inner.any()
    assert np.array_equal(joined[inner], labels[inner])


def test_windows_that_agree_give_the_picture():
    labels, size = blocks(100, 70), (100, 70)
    windows = tile(size, (64, 32), 0.25)
    pieces = []
    for left, top, right, bottom in windows:
        (piece,) = keep_maps(logits_of(labels[top:bottom, left:right]))
        pieces.append(((left, top, right, bottom), piece))
    joined, _ = join_maps(size, pieces)
    assert np.array_equal(joined, labels)


def test_where_windows_overlap_the_surer_one_decides_and_edges_count_less():
    zeros, ones = np.zeros((32, 32), np.uint8), np.ones((32, 32), np.uint8)
    (left,) = keep_maps(logits_of(zeros))
    (right,) = keep_maps(logits_of(ones))
    (doubtful,) = keep_maps(logits_of(ones, sure=1.0))
    windows = [(0, 0, 32, 32), (16, 0, 48, 32)]
    joined, _ = join_maps((48, 32), zip(windows, [left, right], strict=True))
    assert joined[:, :17].max() == 0 and joined[:, 31:].min() == 1
    joined, _ = join_maps((48, 32), zip(windows, [left, doubtful], strict=True))
    assert joined[:, :30].max() == 0  # nearly up to the edge of the sure one


@pytest.mark.parametrize(
    ("size", "count"),
    [((64, 64), 1), ((40, 20), 1), ((65, 64), 2), ((200, 64), 4), ((128, 128), 9)],
)
def test_windows_cover_a_picture_and_share_a_quarter(size, count):
    windows = tile(size, (64, 64), 0.25)
    assert len(windows) == count
    covered = np.zeros((size[1], size[0]), int)
    for left, top, right, bottom in windows:
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        covered[top:bottom, left:right] += 1
    assert covered.min() == 1 or count == 1
    lefts = sorted({left for left, *_ in windows})
    assert all(b - a <= 48 for a, b in pairwise(lefts))


def test_a_map_passes_through_a_png_and_a_data_uri():
    labels = blocks(20, 10)
    labels[0] = 255
    assert np.array_equal(from_uri(to_uri(to_png(labels))), labels)
    assert np.array_equal(from_png(to_png(labels)), labels)
    assert Image.open(io.BytesIO(to_png(labels))).mode == "P"


def test_shares_are_of_the_pixels_that_count_and_the_largest_comes_first():
    labels = np.array([[2, 2, 2, 0], [255, 255, 255, 255]], np.uint8)
    assert shares(labels, ["a", "b", "c"]) == {"c": 0.75, "a": 0.25}
