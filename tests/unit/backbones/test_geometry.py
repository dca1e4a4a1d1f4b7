"""Boxes and masks follow a picture into a network, and boxes come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graft.backbones.preprocess.augment import AUGMENTS, Frame
from graft.backbones.preprocess.geometry import Geometry, center_box

SIDES = st.integers(16, 4000)
VIEWS = st.tuples(SIDES, SIDES, st.integers(16, 640), st.sampled_from([*AUGMENTS]), st.integers(0))


def geometry_of(view: tuple[int, int, int, str, int]) -> Geometry:
    width, height, side, name, seed = view
    frame = Frame((width, height), (side, side), 0.875, (0.25, 1.0))
    return AUGMENTS[name](frame, np.random.default_rng(seed)).geometry


@given(VIEWS, st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=5))
def test_boxes_come_back(view, shares) -> None:
    width, height = view[:2]
    corners = np.array(shares) * (width, height, width, height)
    boxes = np.concatenate(
        [np.minimum(corners[:, :2], corners[:, 2:]), np.maximum(corners[:, :2], corners[:, 2:])], 1
    )
    geometry = geometry_of(view)
    # float64 has 15 digits; the sides have 4.
    np.testing.assert_allclose(geometry.to_picture(geometry.boxes(boxes)), boxes, rtol=0, atol=1e-6)


@given(VIEWS)
def test_what_is_seen_fills_the_input_and_boxes_keep_their_order(view) -> None:
    geometry = geometry_of(view)
    side = view[2]
    # float64 has 15 digits; the sides have 4.
    seen = geometry.boxes(np.array([geometry.box]))
    np.testing.assert_allclose(seen, [[0, 0, side, side]], rtol=0, atol=1e-6)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mask_and_a_box_follow_what_is_drawn(mirrored: bool) -> None:
    pixels = np.zeros((120, 160), dtype=np.uint8)
    pixels[40:60, 90:120] = 7
    geometry = Geometry((40.0, 20.0, 140.0, 120.0), (50, 50), mirrored)
    mask = geometry.mask(Image.fromarray(pixels))
    assert set(np.unique(mask)) == {0, 7}, "no number comes in between"
    rows, columns = np.nonzero(mask)
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert geometry.boxes(np.array([[90, 40, 120, 60]])).tolist() == [drawn]
    picture = Image.fromarray(np.stack([pixels * 36] * 3, axis=2))
    seen = geometry.picture(picture, Image.Resampling.NEAREST)
    assert np.array_equal(seen[..., 0] > 0, mask > 0)


def test_the_center_is_a_square() -> None:
    assert center_box((200, 100), 0.5) == (75.0, 25.0, 125.0, 75.0)
